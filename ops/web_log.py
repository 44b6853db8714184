"""What gunicorn itself says is written as all other lines are: without tokens and numbers."""

from gunicorn.config import Config
from gunicorn.glogging import Logger

from core.log_lines import Line


class OurLogger(Logger):  # type: ignore[misc]  # gunicorn comes without types
    """Gunicorn's logger with our lines in both of its logs."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(Line())
