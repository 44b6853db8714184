"""Why Callboard does not start."""


class CannotStart(Exception):
    """The start ends here; the text is one sentence for the person who started it."""
