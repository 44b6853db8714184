"""Keeps the tokens of webhooks and of people's links out of what gunicorn writes."""

import logging
import re

from gunicorn.config import Config
from gunicorn.glogging import Logger

TOKEN = re.compile(r"(/(?:webhooks|links)/)[^\s/?#'\"]+")


class TokenFilter(logging.Filter):
    """Replaces the token in every line that names such an address."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if TOKEN.search(message):
            record.msg, record.args = TOKEN.sub(r"\1<token>", message), None
        return True


class TokenFreeLogger(Logger):  # type: ignore[misc]  # gunicorn comes without types
    """Gunicorn's logger with the filter on both of its logs."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            if not any(isinstance(known, TokenFilter) for known in log.filters):
                log.addFilter(TokenFilter())
