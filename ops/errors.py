"""Why Callboard does not start."""


class CannotStart(Exception):
    """The start ends here; the text is one sentence for the person who started it."""


class CannotBackUp(Exception):
    """No backup was made; the text is one sentence for the person who asked for it."""


class CannotRestore(Exception):
    """Nothing was restored, and what was there is as it was; the text is one sentence for the person who asked for it."""
