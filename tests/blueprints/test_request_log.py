"""The log of the web: what breaks is in it with the id of its request, the tokens in its address are not."""

import logging
import re

import pytest

from blueprints.request_log import RequestLine


@pytest.mark.parametrize("room", ["webhooks", "links"])
def test_an_address_with_a_token_that_breaks_is_logged_without_it(room):
    record = logging.LogRecord("app", logging.ERROR, "", 0, "Exception on %s [POST]", (f"/{room}/s3cret-token",), None)
    assert RequestLine().format(record).endswith(f"logger=app request=- Exception on /{room}/<token> [POST]")


def test_every_line_of_a_request_carries_its_id(app):
    record = logging.LogRecord("app", logging.INFO, "", 0, "done", (), None)
    with app.test_request_context(headers={"X-Request-ID": "from-the-proxy-17"}):
        app.preprocess_request()
        assert " request=from-the-proxy-17 done" in RequestLine().format(record)


def test_a_line_says_who_asked_for_what_from_where_and_how_it_ended(sign_in_as, caplog):
    sign_in_as("viewer").get("/agents/new")
    (line,) = [message for message in caplog.messages if message.startswith("method=")]
    assert re.fullmatch(r"method=GET rule=/agents/new status=403 ms=\d+ by=person:\d+ address=127\.0\.0\.1", line)


def test_what_comes_by_the_thousand_is_a_line_only_where_it_is_refused(client, caplog):
    for path in ("/livez", "/webhooks/guessed"):
        client.post(path, csrf=False) if "webhooks" in path else client.get(path)
    assert [message.split(" ms=")[0] for message in caplog.messages if message.startswith("method=")] == [
        "method=POST rule=/webhooks/<token> status=404"
    ]
