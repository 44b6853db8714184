"""What gunicorn writes holds no token."""

import logging

import pytest
from gunicorn.config import Config

from ops.web_log import TokenFreeLogger


@pytest.fixture
def error_log():
    logger = TokenFreeLogger(Config())
    yield logger.error_log
    for log in (logger.error_log, logger.access_log):
        log.handlers.clear()
        log.filters.clear()


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("/webhooks/s3cret-Token_1", "POST /webhooks/<token>"),
        ("/webhooks/s3cret?x=1", "POST /webhooks/<token>?x=1"),
        ("/links/s3cret-Token_1", "POST /links/<token>"),
        ("/campaigns/17", "POST /campaigns/17"),
    ],
)
def test_the_token_of_an_address_is_not_written(error_log, caplog, address, written):
    error_log.addHandler(caplog.handler)
    error_log.log(logging.ERROR, "Error handling request %s %s", "POST", address)
    assert caplog.messages == [f"Error handling request {written}"]
