"""What one is told of campaigns, chosen in one's account."""

import pytest

from core.models import Notice, NoticeChoice

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def test_a_choice_is_kept_and_a_room_is_not_shown_again(viewer, session):
    form = {"ended": "y", "failing_percent": "30", "by_mail": "y", "chat": SLACK}
    assert viewer.post("/account/notices", data=form).status_code == 303
    page = viewer.get("/account/notices").text
    assert ("set: Slack" in page, "TIiajkdn" in page) == (True, False)
    choice = session.get_one(NoticeChoice, 1)
    assert (choice.ended, choice.attention, choice.failing_percent) == (True, False, 30)
    viewer.post("/account/notices", data={"no_chat": "y"})
    assert "set: Slack" not in viewer.get("/account/notices").text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"chat": "file:///etc/passwd"}, "no address of a chat room"), ({"chat": "nonsense\0"}, "no address of a chat room"),
        ({"chat": "mailto://a:b@example.com"}, "no address of a chat room"), ({"chat": "x" * 2001}, "too long"),
        ({"failing_percent": "0"}, "A percentage from 1 to 100"), ({"failing_percent": "many"}, "Not a valid integer value"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_its_field(viewer, form, words):
    answer = viewer.post("/account/notices", data=form)
    assert (answer.status_code, words in answer.text) == (422, True)


def test_one_can_try_it(viewer, session):
    viewer.post("/account/notices", data={"by_mail": "y"})
    assert "It is on its way" in viewer.post("/account/notices/try", follow_redirects=True).text
    assert session.query(Notice).one().state == "waiting"
    assert "A notice to try it out" in viewer.get("/account/notices").text


def test_without_a_way_there_is_nothing_to_try(viewer, session):
    viewer.post("/account/notices", data={})
    assert "Choose e-mail or a chat room first" in viewer.post("/account/notices/try", follow_redirects=True).text
    assert session.query(Notice).count() == 0
