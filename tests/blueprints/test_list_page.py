"""Step 2 as a person uses it: rules, corrections, files that go out and come back, kept lists."""

import io
from datetime import UTC, datetime

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from core.database import writing
from core.lists import list_of
from core.models import ContactList, Row, Suppression
from core.row_edits import seen_of
from jobs.import_list import import_list
from tests.blueprints.test_compose import ROLES, fresh, path
from tests.core.cast import accepted, launched
from tests.factories import make_campaign

LIST = "name;phone\nAda;0151 12345678\nBob;12\nEve;0151 12345679\n"

pytestmark = pytest.mark.usefixtures("job_runtime")


@pytest.fixture
def database_url(sqlite_url):
    """What the doors do does not depend on the kind of the database; the jobs' own tests run on both."""
    return sqlite_url


@pytest.fixture
def draft(session):
    draft = make_campaign(session, context={"company": "Ours"})
    session.commit()
    return draft


@pytest.fixture
def who(composer, session, draft):
    """The step of a draft whose list is read: `who("rules")` is the address of one of its doors."""

    def give(content, filename="list.csv", country="DE"):
        file = (io.BytesIO(content if isinstance(content, bytes) else content.encode()), filename)
        composer.post(path(draft, "who"), data={"file": file, "country": country})
        work(session, draft)

    def address(door=""):
        return path(draft, f"who/{door}" if door else "who")

    address.give = give
    composer.get(address())
    give(LIST)
    return address


def work(session, draft):
    """Whatever waits to be done to the draft's list is done; returns the list."""
    fresh(session)
    list_id = list_of(session, draft.id).id
    session.rollback()
    import_list(list_id)
    fresh(session)
    return list_of(session, draft.id)


def verdicts(session, draft):
    fresh(session)
    query = select(Row.verdict).where(Row.list_id == list_of(session, draft.id).id).order_by(Row.row_number)
    return session.scalars(query).all()


def row(session, draft, number):
    return session.get_one(Row, (list_of(session, draft.id).id, number))


def test_other_rules_judge_every_row_again(composer, session, draft, who):
    session.add(Suppression(number="+4915112345678", created_at=datetime.now(UTC)))
    session.commit()
    answer = composer.post(who("rules"), data={"country": "US", "keep": "last", "recent_days": "30"})
    assert answer.status_code == 303
    assert work(session, draft).counts["invalid"] == 3
    composer.post(who("rules"), data={"country": "DE", "keep": "last", "recent_days": "30"})
    work(session, draft)
    assert verdicts(session, draft) == ["do_not_call", "invalid", "ready"]
    assert (draft.recent_days, list_of(session, draft.id).keep) == (30, "last")


def test_the_same_rules_cost_nothing(composer, session, draft, who):
    version = list_of(session, draft.id).version
    composer.post(who("rules"), data={"country": "DE", "keep": "first", "recent_days": "0"})
    assert (list_of(fresh(session), draft.id).version, list_of(session, draft.id).state) == (version, "ready")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"recent_days": "366"}, "Between 0 and 365 days."),
        ({"recent_days": "-1"}, "Between 0 and 365 days."),
        ({"recent_days": "many"}, "Not a valid integer value."),
        ({"country": "XX"}, "Not a valid choice."),
        ({"keep": "both"}, "Not a valid choice."),
    ],
)
def test_a_rule_that_is_none_stands_at_its_field(composer, who, typed, words):
    answer = composer.post(who("rules"), data={"country": "DE", "keep": "first", "recent_days": "7"} | typed)
    assert (answer.status_code, words in answer.text) == (422, True)


def test_a_number_that_is_barred_meanwhile_is_found_when_the_rows_are_judged_again(composer, session, draft, who):
    session.add(Suppression(number="+4915112345678", created_at=datetime.now(UTC)))
    session.commit()
    composer.post(who("judge"))
    assert work(session, draft).counts["do_not_call"] == 1


def test_a_row_is_corrected_without_script(composer, session, draft, who):
    form = composer.get(who("rows/3?verdict=invalid")).text
    assert 'value="12"' in form
    data = {
        "cells-0": "Bob",
        "cells-1": "0151 777 88 999",
        "verdict": "invalid",
        "seen": seen_of(row(session, draft, 3)),
    }
    answer = composer.post(who("rows/3"), data=data)
    assert answer.headers["Location"].endswith("?verdict=invalid#row-3")
    assert verdicts(session, draft) == ["ready", "ready", "ready"]


def test_with_script_the_row_becomes_a_form_and_the_answer_is_the_new_list(composer, session, draft, who):
    htmx = {"HX-Request": "true"}
    assert composer.get(who("rows/3"), headers=htmx).text.strip().startswith('<tr id="row-3">')
    data = {"cells-0": "Bob", "cells-1": "0151 777 88 999", "seen": seen_of(row(session, draft, 3))}
    answer = composer.post(who("rows/3"), data=data, headers=htmx).text
    assert 'id="list"' in answer
    assert "+4915177788999" in answer
    assert "draft-summary" in answer


def test_somebody_elses_correction_is_not_overwritten(composer, session, draft, who):
    answer = composer.post(
        who("rows/3"), data={"cells-0": "Bob", "cells-1": "13", "seen": "older"}, follow_redirects=True
    )
    assert "Somebody else has corrected this row" in answer.text
    assert row(session, draft, 3).cells == ["Bob", "12"]
    answer = composer.post(
        who("rows/3"), data={"cells-0": "Bob", "cells-1": "13", "seen": "older"}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, who())


def test_a_cell_of_several_lines_keeps_them_when_another_cell_is_corrected(composer, session, draft, who):
    who.give('note,phone\n"one\ntwo",12\nx,0151 12345679\n')
    assert ">\none\ntwo</textarea>" in composer.get(who("rows/2")).text
    data = {"cells-0": "one\r\ntwo", "cells-1": "0151 12345678", "seen": seen_of(row(session, draft, 2))}
    composer.post(who("rows/2"), data=data)
    assert row(fresh(session), draft, 2).cells == ["one\ntwo", "0151 12345678"]


def test_a_cell_that_is_too_long_says_so_where_the_row_is(composer, session, draft, who):
    data = {"cells-0": "x" * 40_000, "cells-1": "12", "seen": seen_of(row(session, draft, 3))}
    answer = composer.post(who("rows/3"), data=data, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#row-3")
    assert "at most 32,767 characters" in answer.text


@pytest.mark.parametrize("address", ["rows/1", "rows/99", "rows/99999999999999999999"])
def test_a_row_that_is_not_there_is_not_found(composer, who, address):
    assert composer.get(who(address)).status_code == 404


def test_the_problem_rows_go_out_as_they_came_with_their_reasons_and_come_back_corrected(composer, session, draft, who):
    answer = composer.get(who("rows/download?rows=problems"))
    assert answer.headers["Content-Disposition"].endswith(f'"problem-rows-{draft.id}.csv"')
    text = answer.data.decode("utf-8-sig")
    assert text == "name;phone;Row in your file;Box;Reason\r\nBob;12;3;Invalid;It is too short for Germany.\r\n"
    file = (io.BytesIO(text.replace(";12;", ";0151 777 88 999;").encode("utf-8-sig")), "corrected.csv")
    assert composer.post(who("correct"), data={"corrected": file}).status_code == 303
    assert work(session, draft).counts["ready"] == 3
    assert row(session, draft, 3).cells == ["Bob", "0151 777 88 999"]


def test_the_problem_rows_of_a_workbook_are_a_workbook(composer, session, draft, who):
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as workbook:
        sheet = workbook.add_worksheet()
        for place, cells in enumerate([["phone", "note"], ["+4915112345678", "a"], ["k. A.", "=1+1"]]):
            for column, text in enumerate(cells):
                sheet.write_string(place, column, text)
    who.give(book.getvalue(), "list.xlsx")
    answer = composer.get(who("rows/download?rows=problems"))
    told = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert told == [["phone", "note", "Row in your file", "Box", "Reason"],
                    ["k. A.", "=1+1", "3", "Invalid", "It is not a phone number."]]  # fmt: skip
    composer.post(who("correct"), data={"corrected": (io.BytesIO(answer.data), "same.xlsx")})
    assert work(session, draft).counts["invalid"] == 1


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["=cmd()", "+1", "-x;=y", "a\nb", 'say "so"', "@x", "'quoted", "1,5;2", "＝1"]
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(CELLS, st.sampled_from(["+4915112345678", "0151 12345679", "x"])), min_size=1, max_size=5)
)
def test_whatever_goes_out_comes_in_again_the_same(composer, session, draft, who, rows):
    """What an import keeps of a file, a second import of its export keeps too. (More cells: tests/jobs/test_reading.py.)"""
    who.give(
        "\n".join(
            ["note\tphone", *("\t".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells) for cells in rows)]
        )
    )
    first = [
        (one.cells, one.verdict, one.number) for one in fresh(session).scalars(select(Row).order_by(Row.row_number))
    ]
    exported = composer.get(who("rows/download")).data
    who.give(exported)
    again = fresh(session).scalars(select(Row).order_by(Row.row_number)).all()
    assert [(one.cells[:2], one.verdict, one.number) for one in again] == first


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing_behind(composer, settings, draft, who, monkeypatch):
    monkeypatch.setattr("blueprints.compose.uploads.MOST_BYTES", 1024)
    uploads = settings.data_dir / "uploads"
    kept = set(uploads.iterdir())
    file = (io.BytesIO(b"+4915112345678\n" * 100), "large.csv")
    answer = composer.post(who(), data={"file": file, "country": "DE"})
    assert (answer.status_code, "The file is larger than" in answer.text) == (422, True)
    file = (io.BytesIO(b"+4915112345678\n" * 100), "large.csv")
    assert "The file is larger than" in composer.post(who("correct"), data={"corrected": file}).text
    assert set(uploads.iterdir()) == kept


def test_reading_can_be_stopped(composer, session, draft, who):
    composer.post(path(draft, "who"), data={"pasted": "+4915112345678", "country": "DE"})
    assert "Stop reading" in composer.get(who()).text
    composer.post(who("cancel"))
    assert list_of(fresh(session), draft.id).state == "empty"
    assert "Drop a file here" in composer.get(who()).text
    answer = composer.post(who("cancel"), follow_redirects=True)
    assert "The list is read already." in answer.text


def test_a_list_is_kept_and_used_for_another_campaign(composer, session, draft, who):
    assert "is kept: choose it" in composer.post(who("keep"), data={"name": "Everybody"}, follow_redirects=True).text
    kept = fresh(session).scalars(select(ContactList).where(ContactList.name == "Everybody")).one()
    session.rollback()
    import_list(kept.id)
    assert "Everybody" in composer.get("/lists").text
    with writing(session):
        other = make_campaign(session)
    composer.get(path(other, "who"))
    assert composer.post(path(other, "who/kept"), data={"kept": kept.id}).status_code == 303
    assert work(session, other).counts["ready"] == 2
    assert "kept already" in composer.post(who("keep"), data={"name": "Everybody"}).text
    composer.post(f"/lists/{kept.id}/remove")
    assert "Everybody" not in composer.get("/lists").text.split("is removed")[0]


def test_the_unreached_of_a_campaign_become_a_list(composer, session, draft, who):
    earlier = launched(session, datetime.now(UTC), first=50)
    accepted(session, earlier, datetime.now(UTC))
    data = {"campaign": earlier.id, "outcomes": ["no_answer", "busy"]}
    assert composer.post(who("unreached"), data=data).status_code == 303
    assert work(session, draft).problem == "Nobody is left to be taken from there."


@pytest.mark.parametrize(
    ("door", "data", "words"),
    [
        ("kept", {"kept": "999"}, "Not a valid choice."),
        ("unreached", {"campaign": "999", "outcomes": "busy"}, "Not a valid choice."),
        ("keep", {"name": ""}, "Give the list a name."),
        ("correct", {}, "Choose the corrected file."),
        ("mapping", ROLES | {"number": "1", "country": "1", "names-0": ""}, "This column is already something else."),
    ],
)
def test_what_cannot_be_done_says_so_at_its_field(composer, who, door, data, words):
    answer = composer.post(who(door), data=data)
    assert (answer.status_code, words in answer.text) == (422, True)


def test_the_grid_goes_on_from_where_it_was(composer, session, draft, who):
    who.give("phone\n" + "".join(f"01511234{place:04d}\n" for place in range(50)))
    page = composer.get(who() + "?after=21").text
    assert ('id="row-22"' in page, 'id="row-21"' in page) == (True, False)
    assert "after=41" in page
