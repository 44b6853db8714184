"""The do-not-call list in the browser: looked through, added to, imported, taken along, and taken off one by one."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from core.database import writing
from core.models import Suppression, SuppressionImport
from core.phone import NO_COUNTRY, clean_or_form
from core.suppressions import plain_reason
from jobs.import_suppressions import import_suppressions
from tests.factories import make_suppression

ONE, TWO = "+14155552671", "+4915112345678"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def admin(sign_in_as):
    return sign_in_as("admin")


def listed(session):
    session.rollback()
    entries = session.scalars(
        select(Suppression).order_by(Suppression.number).execution_options(populate_existing=True)
    )
    return {entry.number: (entry.reason, entry.expires_at) for entry in entries}


def typed(**given):
    return {"numbers": ONE, "country": "US", "reason": "", "last_day": ""} | given


def test_an_empty_list_teaches_what_it_is_for(composer):
    page = composer.get("/do-not-call").text
    assert "Nobody is on this list yet" in page
    assert "/do-not-call/add" in page


def test_many_numbers_in_any_writing_are_added_at_once(composer, session):
    answer = composer.post(
        "/do-not-call/add",
        data=typed(numbers="0151 12345678\r\n+1 415 555 2671, +1 (415) 555-2672\n\n", country="DE", reason=" By  letter ",
                   last_day="2199-12-31"),
    )  # fmt: skip
    assert (answer.status_code, answer.location) == (303, "/do-not-call")
    entry = ("By letter", datetime(2200, 1, 1, tzinfo=UTC))
    assert listed(session) == {ONE: entry, "+14155552672": entry, TWO: entry}
    page = composer.get("/do-not-call").text
    assert "3 numbers were added." in page
    assert "31 Dec 2199" in page
    assert composer.post("/do-not-call/add", data=typed()).status_code == 303
    assert "It was there already." in composer.get("/do-not-call").text


def test_what_cannot_be_read_stays_with_its_reason_and_the_rest_is_added(composer, session):
    answer = composer.post("/do-not-call/add", data=typed(numbers=f"{ONE}\n12\nnot <b>me</b>", reason="By letter"))
    assert answer.status_code == 422
    assert list(listed(session)) == [ONE]
    for words in ("One number was added. 2 lines could not be read.", "12\nnot &lt;b&gt;me&lt;/b&gt;</textarea>",
                  "It is too short for United States.", "It is not a phone number.", 'value="By letter"'):  # fmt: skip
        assert words in answer.text


@SQLITE
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"numbers": ""}, "Enter a number."),
        ({"numbers": " \n "}, "Enter a number."),
        ({"numbers": "1\n" * 1001}, "At most 1,000 numbers at a time."),
        ({"reason": "x" * 256}, "At most 255 characters."),
        ({"last_day": "2020-01-01"}, "This day is over."),
        ({"last_day": "9999-12-31"}, "The year should be at most 2200."),
        ({"last_day": "soon"}, "Not a valid date value."),
        ({"country": "XX"}, "Not a valid choice."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(composer, session, given, words):
    answer = composer.post("/do-not-call/add", data=typed(**given))
    assert (answer.status_code, words in answer.text, listed(session)) == (422, True, {})
    assert given.get("numbers", ONE).strip() in answer.text


@pytest.fixture
def kept(session):
    now = datetime.now(UTC)
    make_suppression(session, ONE, reason="<b>Ticket</b> 815", source="api")
    make_suppression(session, TWO, reason="By letter", expires_at=now + timedelta(days=1))
    over = make_suppression(session, "+14155552672", expires_at=now - timedelta(days=1))
    session.commit()
    return over


SHOWN = {ONE: "+1 415-555-2671", TWO: "+49 1511 2345678", "+14155552672": "+1 415-555-2672"}
ASKED = {
    "": {ONE, TWO}, "show=expired": {"+14155552672"}, "show=all": set(SHOWN), "show=nonsense": {ONE, TWO}, "source=api": {ONE},
    "q=0151+123": {TWO}, "q=ticket": {ONE}, "q=2672": set(), "q=%00": {ONE, TWO}, "source=person&q=letter": {TWO},
    "before=1": set(), f"before={'9' * 30}": {ONE, TWO},
}  # fmt: skip


@pytest.mark.parametrize(("asked", "numbers"), ASKED.items())
def test_the_address_says_which_numbers_are_shown(composer, kept, asked, numbers):
    page = composer.get(f"/do-not-call?{asked}").text
    assert {number for number, words in SHOWN.items() if words in page} == numbers
    assert "<b>Ticket" not in page


def test_pages_go_on_where_the_last_one_ended(composer, session):
    for place in range(26):
        make_suppression(session, f"+14155550{place:03d}")
    session.commit()
    first = composer.get("/do-not-call?q=415555").text
    assert "26 numbers" in first
    assert "+1 415-555-0000" not in first
    (following,) = {part.split('"')[0] for part in first.split('href="') if "before=" in part.split('"')[0]}
    assert "+1 415-555-0000" in composer.get(following.replace("&amp;", "&")).text


def test_taking_a_number_off_asks_first(admin, session, kept):
    page = f"/do-not-call/{session.scalar(select(Suppression.id).where(Suppression.number == ONE))}/remove"
    assert "may be called again" in admin.get(page).text
    assert ONE in listed(session)
    assert admin.post(page).status_code == 303
    assert "+1 415-555-2671 may be called again." in admin.get("/do-not-call").text
    assert ONE not in listed(session)
    assert admin.post(page).status_code == 404


def test_a_composer_sees_nothing_that_only_an_admin_may_do(composer, viewer, kept):
    page = composer.get("/do-not-call").text
    assert not [path for path in ("/remove", "/import", "export.csv") if path in page]
    assert viewer.get("/do-not-call").status_code == 403
    assert "/do-not-call" not in viewer.get("/campaigns/").text


def upload(admin, content, **given):
    data = {"file": (BytesIO(content), "list.csv"), "country": "US", "reason": "", "last_day": ""} | given
    return admin.post("/do-not-call/import", data=data)


def test_a_file_is_followed_on_a_page_of_its_own(admin, session, job_runtime):
    answer = upload(admin, b"phone\n+14155552671\n12\n", reason="Bought list")
    import_id = session.scalar(select(SuppressionImport.id))
    assert answer.location == f"/do-not-call/imports/{import_id}"
    assert "It waits for its turn." in admin.get(answer.location).text
    fragment = admin.get(f"{answer.location}/progress").text
    assert 'hx-trigger="every 1s"' in fragment
    assert "list.csv" in admin.get("/do-not-call").text
    import_suppressions(import_id)
    fragment = admin.get(f"{answer.location}/progress").text
    assert "hx-trigger" not in fragment
    assert "1 added, 0 were there already, 1 left out" in fragment
    assert "It is too short for United States." in fragment
    assert listed(session) == {ONE: ("Bought list", None)}


def test_a_cancelled_import_leaves_no_file(admin, session, settings, job_runtime):
    page = upload(admin, b"+14155552671").location
    assert admin.post(f"{page}/cancel").status_code == 303
    assert "Cancelled. Nothing was added." in admin.get(page).text
    import_suppressions(session.scalar(select(SuppressionImport.id)))
    assert (listed(session), list((settings.data_dir / "uploads").iterdir())) == ({}, [])
    assert admin.post(f"{page}/cancel").status_code == 409


@SQLITE
def test_a_form_that_is_wrong_keeps_no_file(admin, session, settings):
    assert "Choose a file." in admin.post("/do-not-call/import", data={"country": "US"}).text
    answer = upload(admin, b"+14155552671", last_day="2020-01-01")
    assert (answer.status_code, "This day is over." in answer.text) == (422, True)
    assert list((settings.data_dir / "uploads").iterdir()) == []
    assert session.scalars(select(SuppressionImport)).all() == []


NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True).map(lambda text: clean_or_form(text, NO_COUNTRY).number)
REASONS = st.text(max_size=40) | st.sampled_from(["=cmd()", "'=x", "a;=b", '"', "+49 151 1234567", "a,b\nc", "@'; -1"])
ENDS = st.none() | st.datetimes(datetime(2100, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC))
LISTS = st.dictionaries(NUMBERS, st.tuples(REASONS.map(plain_reason), ENDS), min_size=1, max_size=5)


def taken_along_and_back(admin, session, entries):
    with writing(session):
        session.execute(delete(Suppression))
        for number, (reason, end) in entries.items():
            make_suppression(session, number, reason=reason, expires_at=end)
    exported = admin.get("/do-not-call/export.csv").data
    with writing(session):
        session.execute(delete(Suppression))
    page = upload(admin, exported).location
    import_suppressions(int(page.rpartition("/")[2]))
    return listed(session)


def test_an_exported_list_read_in_again_is_the_same(admin, session, job_runtime):
    entries = {
        ONE: ("=cmd();=x", None),
        TWO: ('Grüße, "sure"', datetime(2199, 1, 1, 12, 30, 1, 5, UTC)),
        "+14150000000": ("", None),
    }
    assert taken_along_and_back(admin, session, entries) == entries


@SQLITE
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(entries=LISTS)
def test_any_exported_list_read_in_again_is_the_same(admin, session, job_runtime, entries):
    assert taken_along_and_back(admin, session, entries) == entries


def test_the_file_holds_the_filter_s_numbers_and_runs_nothing(admin, session, kept):
    make_suppression(session, "+14155552673", reason="=cmd()", created_by="=Ada")
    session.commit()
    lines = admin.get("/do-not-call/export.csv?q=cmd").data.decode("utf-8-sig").splitlines()
    assert lines[0] == "number,reason,expires_at,since,source,added_by"
    assert lines[1] == "+14155552673,'=cmd(),,2026-03-02T12:00:00+00:00,person,'=Ada"
    assert len(lines) == 2
