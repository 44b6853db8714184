"""The log of the web: what breaks is in it, webhook tokens are not."""

import logging

from blueprints.request_log import Line


def test_a_webhook_that_breaks_is_logged_without_its_token():
    record = logging.LogRecord("app", logging.ERROR, "", 0, "Exception on %s [POST]", ("/webhooks/s3cret-token",), None)
    assert Line("%(message)s").format(record) == "Exception on /webhooks/<token> [POST]"
