"""The log of the web: what breaks is in it, the tokens of webhooks and of people's links are not."""

import logging

import pytest

from blueprints.request_log import Line


@pytest.mark.parametrize("room", ["webhooks", "links"])
def test_an_address_with_a_token_that_breaks_is_logged_without_it(room):
    record = logging.LogRecord("app", logging.ERROR, "", 0, "Exception on %s [POST]", (f"/{room}/s3cret-token",), None)
    assert Line("%(message)s").format(record) == f"Exception on /{room}/<token> [POST]"
