"""What gunicorn itself says is written as all other lines are: without tokens and numbers."""

from typing import Any

from gunicorn.glogging import Logger

from core.log_lines import Line


class OurLogger(Logger):  # type: ignore[misc]  # gunicorn comes without types
    """Gunicorn's logger with our lines in both of its logs."""

    def _set_handler(self, log: Any, output: Any, fmt: Any, stream: Any = None) -> None:
        super()._set_handler(log, output, Line(), stream)
