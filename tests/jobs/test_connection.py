"""The test of the connection, when its delivery does not come back: each case has its sentence."""

import pytest

from core.audit import Actor
from core.connection import begin_test, latest_tests, note_arrival
from core.database import writing
from core.errors import Conflict
from jobs.connection import try_connection
from jobs.runtime import now
from provider.vault import SecretVault
from tests.conftest import SECRET_KEY
from tests.provider.stub import Stub, answer, hang_up

pytestmark = [
    pytest.mark.usefixtures("job_runtime"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
ADA = Actor("Ada")


def begin(session, url):
    with writing(session):
        return begin_test(session, url, SecretVault(SECRET_KEY), ADA, now()).id


def outcome(session):
    session.expire_all()
    (test,) = latest_tests(session)
    return test.http_status, test.words


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        (answer(404), 404, "Somebody else answers there"),
        (answer(200, {"hello": "world"}), 200, "Somebody else answers there"),
        (answer(302, None, Location="https://login.example/"), 302, "a redirect, which is not followed"),
        (hang_up, None, "It did not arrive"),
    ],
)
def test_what_answers_in_our_place_is_told(session, told, status, words):
    with Stub(told) as stub:
        try_connection(begin(session, stub.url))
    said = outcome(session)
    assert (said[0], words in said[1]) == (status, True), said


def test_nobody_there(session):
    try_connection(begin(session, "http://127.0.0.1:9"))
    assert outcome(session)[1].startswith("It did not arrive:")


def test_it_arrived_and_the_answer_was_changed_on_its_way(session):
    test_id = begin(session, "http://127.0.0.1:9")
    with writing(session):
        note_arrival(session, test_id, now())
    try_connection(test_id)
    assert outcome(session)[1].startswith("It arrived, but on its way back the answer was changed")


def test_without_a_public_address_or_while_one_is_under_way_none_begins(session):
    with pytest.raises(Conflict):
        begin(session, None)
    begin(session, "http://127.0.0.1:9")
    with pytest.raises(Conflict):
        begin(session, "http://127.0.0.1:9")


def test_the_job_twice_sends_once(session):
    with Stub(answer(404), answer(200)) as stub:
        test_id = begin(session, stub.url)
        try_connection(test_id)
        try_connection(test_id)
    assert outcome(session)[0] == 404
