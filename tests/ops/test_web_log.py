"""What gunicorn writes are our lines: no token is in them."""

import logging

import pytest
from gunicorn.config import Config

from core.log_lines import Line
from ops.web_log import OurLogger


@pytest.fixture
def logger():
    config = Config()
    config.set("accesslog", "-")
    logger = OurLogger(config)
    yield logger
    for log in (logger.error_log, logger.access_log):
        log.handlers.clear()


def own(log):
    """Its handlers, without those of pytest."""
    return [handler for handler in log.handlers if getattr(handler, "_gunicorn", False)]


def test_gunicorn_writes_our_lines_in_both_of_its_logs(logger):
    formatters = [type(handler.formatter) for log in (logger.error_log, logger.access_log) for handler in own(log)]
    assert formatters == [Line, Line]


def test_an_address_that_breaks_is_written_without_its_token(logger):
    words = ("Error handling request %s %s", ("POST", "/webhooks/s3cret-Token_1"))
    record = logging.LogRecord("gunicorn.error", logging.ERROR, "", 0, *words, None)
    assert own(logger.error_log)[0].format(record).endswith("Error handling request POST /webhooks/<token>")
