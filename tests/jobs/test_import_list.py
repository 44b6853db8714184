"""The import of a list: any common file, each row once, and a sentence for every file that cannot be a list."""

import shutil
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import func, select

from core.lists import Judge, accept_file, read_again
from core.models import AuditEntry, ContactList, Row
from jobs.import_list import ClaimLost, import_list, run_import
from tests.factories import make_campaign, make_list

DATA = Path(__file__).parent.parent / "data"

pytestmark = pytest.mark.usefixtures("job_runtime")


@pytest.fixture
def imported(session, settings, now):
    """Imports a file as the upload would have left it, and returns its list."""

    def run(path, country="US", **given):
        uploads = settings.data_dir / "uploads"
        uploads.mkdir(exist_ok=True)
        shutil.copy(path, uploads / "stored")
        contact_list = make_list(session, make_campaign(session), size=0, **given)
        accept_file(
            contact_list, source="upload", filename=path.name, stored_as="stored", size=1, country=country, now=now
        )
        session.commit()
        import_list(contact_list.id)
        return fresh(session, contact_list.id)

    return run


def fresh(session, list_id):
    session.rollback()
    session.expire_all()
    return session.get_one(ContactList, list_id)


def rows_of(session, contact_list):
    query = select(Row).where(Row.list_id == contact_list.id).order_by(Row.row_number)
    return session.scalars(query).all()


def used(contact_list):
    return {name: contact_list.reading["used"].get(name) for name in ("encoding", "separator", "header")}


def test_a_windows_file_with_semicolons_is_read_as_excel_reads_it(session, imported):
    contact_list = imported(DATA / "excel_semicolon.csv", "DE")
    assert used(contact_list) == {"encoding": "cp1252", "separator": ";", "header": True}
    assert [row.cells for row in rows_of(session, contact_list)] == [
        ["Jürgen", "0151 12345678", "Köln"],
        ["Åsa", "+46 70 123 45 67", "Malmö"],
    ]
    assert [row.row_number for row in rows_of(session, contact_list)] == [2, 3]


def test_utf_16_with_tabs_is_read(imported):
    contact_list = imported(DATA / "utf16_tabs.txt")
    assert used(contact_list) == {"encoding": "utf-16", "separator": "\t", "header": True}
    assert contact_list.counts["ready"] == 2


def test_a_plain_list_of_numbers_needs_no_header(session, imported):
    contact_list = imported(DATA / "numbers_only.txt")
    assert used(contact_list)["header"] is False
    assert [(row.row_number, row.verdict) for row in rows_of(session, contact_list)] == [
        (1, "ready"), (3, "ready"), (4, "duplicate"), (5, "invalid"),
    ]  # fmt: skip
    assert contact_list.reading["blank"] == 1


def test_ugly_rows_are_all_accounted_for(session, imported):
    contact_list = imported(DATA / "ugly.csv")
    rows = rows_of(session, contact_list)
    assert contact_list.headers[:3] == ['Na"me', "Phone", "Note"]
    assert [(row.row_number, row.verdict) for row in rows] == [
        (2, "repaired"), (3, "repaired"), (4, "ready"), (6, "invalid"), (7, "ready"),
    ]  # fmt: skip
    assert rows[1].cells[0] == "line one\nline two"
    assert rows[2].cells[2] == "nul"
    assert sum(contact_list.counts.values()) == len(rows)


def test_zones_are_found_by_what_stands_there(session, imported):
    contact_list = imported(DATA / "pipe.csv")
    assert contact_list.mapping["time_zone"] == 2
    assert [row.time_zone for row in rows_of(session, contact_list)] == ["America/New_York", None]


def test_a_workbook_keeps_its_row_numbers_and_loses_only_the_point_zero(session, imported, tmp_path):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(2, 1, ["phone", "amount"])
        sheet.write_row(3, 1, [14155552671, 1.5])
        sheet.write_row(5, 1, ["+14155552672", "x"])
    contact_list = imported(path)
    assert [(row.row_number, row.cells) for row in rows_of(session, contact_list)] == [
        (4, ["14155552671", "1.5"]), (6, ["+14155552672", "x"]),
    ]  # fmt: skip


def lonely_cell(path):
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "phone")
        sheet.write(1_048_575, 16_383, "x")


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(1100):
                part.write(b" " * 1024 * 1024)


def cut_in_the_middle(path):
    lonely_cell(path)
    path.write_bytes(path.read_bytes()[:1000])


def plain_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "+14155552671")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b""), "There is nothing in this file."),
        (lambda path: path.write_bytes(b" \n\n \n"), "There is nothing in this file."),
        (lambda path: path.write_bytes(b"name,phone\n"), "No column looks like phone numbers."),
        (lambda path: path.write_bytes(b"name,city\nAda,Rome\n"), "No column looks like phone numbers."),
        (lambda path: path.write_bytes(bytes(range(256)) * 50), "neither a text file (CSV) nor an Excel workbook"),
        (lambda path: path.write_bytes(b'phone\n"' + b"x\n" * 200_000), "quotation mark"),
        (lambda path: path.write_bytes(b"phone," * 600 + b"\n+14155552671\n"), "more than 500 columns"),
        (plain_archive, "not an Excel workbook"),
        (cut_in_the_middle, "damaged"),
        (zip_bomb, "unpacks to more than 1 GB"),
        (lonely_cell, "damaged, or far larger inside than it looks"),
    ],
)
def test_a_file_that_cannot_be_a_list_ends_with_a_sentence(imported, tmp_path, write, words):
    path = tmp_path / "bad.xlsx"
    write(path)
    contact_list = imported(path)
    assert contact_list.state == "failed"
    assert words in contact_list.problem


def test_an_import_that_was_killed_half_way_begins_again_without_doubling(session, imported, now):
    contact_list = imported(DATA / "numbers_only.txt")
    contact_list.state, contact_list.import_claim, contact_list.changed_at = "importing", "of a dead process", now
    session.delete(rows_of(session, contact_list)[-1])
    session.commit()
    import_list(contact_list.id)
    contact_list = fresh(session, contact_list.id)
    assert (contact_list.state, len(rows_of(session, contact_list))) == ("ready", 4)


def test_a_second_run_finds_nothing_to_do(session, imported):
    contact_list = imported(DATA / "pipe.csv")
    version = contact_list.version
    import_list(contact_list.id)
    assert fresh(session, contact_list.id).version == version
    assert session.execute(select(AuditEntry.act, AuditEntry.summary)).all() == [
        ("draft.import", "2 rows of the list were read.")
    ]  # fmt: skip


def test_an_import_whose_list_changed_meanwhile_writes_nothing_more(session, imported, now):
    contact_list = imported(DATA / "pipe.csv")
    read_again(contact_list, now)
    session.commit()
    with pytest.raises(ClaimLost):
        run_import(session, contact_list.id, "of an earlier run")
    assert len(rows_of(session, fresh(session, contact_list.id))) == 2


def test_a_file_that_is_gone_says_so(session, now):
    contact_list = make_list(session, make_campaign(session), size=0, state="waiting", stored_as="gone", changed_at=now)
    session.commit()
    import_list(contact_list.id)
    problem = fresh(session, contact_list.id).problem
    assert "Upload it again." in problem
    assert session.scalars(select(AuditEntry.after)).all() == [{"problem": problem}]


def test_many_rows_are_stored_in_batches(session, imported, tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("phone\n" + "".join(f"+1415{number}\n" for number in range(5_552_000, 5_555_000)))
    contact_list = imported(path)
    stored = session.scalar(select(func.count()).where(Row.list_id == contact_list.id))
    assert contact_list.rows_read == stored == sum(contact_list.counts.values()) == 3000


def test_a_fault_of_ours_ends_the_import_with_a_sentence(imported, monkeypatch):
    def broken(*_):
        raise TypeError("a fault")

    monkeypatch.setattr(Judge, "judge", broken)
    contact_list = imported(DATA / "pipe.csv")
    assert (contact_list.state, "The fault is ours" in contact_list.problem) == ("failed", True)
