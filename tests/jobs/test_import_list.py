"""The import of a list: any common file, each row once, and a sentence for every file that cannot be a list."""

import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import func, select

from core.audit import Actor
from core.database import writing
from core.facts import AttemptStatus
from core.judging import Judge
from core.kept_lists import keep_list
from core.launch import launch
from core.lists import (
    accept_correction,
    accept_file,
    cancel_import,
    change_mapping,
    change_rules,
    judge_again,
    take_rows,
    work_again,
)
from core.models import AuditEntry, Campaign, ContactList, Row, Suppression
from jobs.import_list import import_list, run
from jobs.list_tasks import ClaimLost, open_work
from tests.core.cast import accepted, launched, report
from tests.factories import make_campaign, make_list

DATA = Path(__file__).parent.parent / "data"
ADA = Actor("Ada")

pytestmark = pytest.mark.usefixtures("job_runtime")


@pytest.fixture
def imported(session, settings, now):
    """Imports a file as the upload would have left it, and returns its list."""

    def run(path, country="US", **given):
        uploads = settings.data_dir / "uploads"
        uploads.mkdir(exist_ok=True)
        shutil.copy(path, uploads / "stored")
        campaign = make_campaign(session, recent_days=given.pop("recent_days", 0))
        contact_list = make_list(session, campaign, size=0, **given)
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


@pytest.mark.parametrize("ending", ["xlsx", "ods", "xls"])
def test_a_workbook_that_libreoffice_wrote_ends_in_the_right_boxes(session, imported, ending):
    contact_list = imported(DATA / f"ugly-libreoffice.{ending}", "DE")
    assert [(row.row_number, row.verdict, row.number) for row in rows_of(session, contact_list)] == [
        (2, "ready", "+4915112345678"), (3, "repaired", "+4915112345679"), (4, "repaired", "+4915112345000"),
        (6, "repaired", "+4915112345680"), (7, "ready", "+4915112345681"), (8, "duplicate", "+4915112345678"),
        (9, "ready", "+819012345678"), (10, "repaired", "+4915112345682"), (11, "invalid", None),
    ]  # fmt: skip


def test_numbers_that_must_not_be_called_stand_in_boxes_of_their_own(session, imported, tmp_path, now):
    campaign = launched(session, datetime.now(UTC), first=1)
    accepted(session, campaign, datetime.now(UTC))
    session.add(Suppression(number="+14155552671", created_at=now, reason="Asked by mail"))
    session.commit()
    path = tmp_path / "list.csv"
    path.write_text("phone\n(415) 555-2671\n+14155550001\n4155559999\n")
    contact_list = imported(path, recent_days=7)
    rows = rows_of(session, contact_list)
    assert [row.verdict for row in rows] == ["do_not_call", "called_recently", "ready"]
    assert (rows[0].reason, "“Spring”" in rows[1].reason) == (
        "On the do-not-call list since 2026-03-02: Asked by mail",
        True,
    )
    assert sum(contact_list.counts.values()) == 3


def test_the_last_of_a_number_can_be_the_one_that_counts_over_many_batches(session, imported, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("phone\n" + "".join(f"+1415{5_552_000 + n % 3000}\n" for n in range(6000)))
    contact_list = imported(path, keep="last")
    assert (contact_list.counts["ready"], contact_list.counts["duplicate"]) == (3000, 3000)
    rows = rows_of(session, contact_list)
    assert {row.verdict for row in rows[:3000]} == {"duplicate"}
    assert rows[0].reason == "The same number as in row 3002, which counts."


def test_a_column_of_reminders_is_remembered_for_the_next_file_like_it(session, imported, now):
    contact_list = imported(DATA / "pipe.csv")
    chosen = contact_list.mapping | {"variables": {"zone": 2}, "time_zone": None}
    change_mapping(session, contact_list, chosen, now)
    session.commit()
    assert imported(DATA / "pipe.csv").mapping == chosen


def test_an_import_that_is_cancelled_stops_and_leaves_an_empty_list(session, imported, now):
    contact_list = imported(DATA / "pipe.csv")
    work_again(contact_list, now)
    session.commit()
    assert cancel_import(contact_list, now) == "stored"
    session.commit()
    import_list(contact_list.id)
    assert (fresh(session, contact_list.id).state, contact_list.counts) == ("empty", {})


def test_rows_are_judged_again_with_their_corrections_and_not_read_again(session, imported, settings, now):
    contact_list = imported(DATA / "ugly.csv")
    row = next(row for row in rows_of(session, contact_list) if row.verdict == "invalid")
    row.cells = [*row.cells[:1], "(415) 555-9876", *row.cells[2:]]
    session.flush()
    (settings.data_dir / "uploads" / "stored").unlink()
    judge_again(contact_list, now)
    session.commit()
    import_list(contact_list.id)
    contact_list = fresh(session, contact_list.id)
    assert (contact_list.state, contact_list.counts["invalid"]) == ("ready", 0)
    assert sum(contact_list.counts.values()) == len(rows_of(session, contact_list))


def corrected(session, contact_list, settings, now, text):
    """Lay a corrected file over the list, as its upload would."""
    (settings.data_dir / "uploads" / "correction").write_text(text)
    accept_correction(contact_list, "correction", now)
    session.commit()
    import_list(contact_list.id)
    return fresh(session, contact_list.id)


def test_a_corrected_file_changes_the_rows_it_names_and_no_others(session, imported, settings, tmp_path, now):
    path = tmp_path / "list.csv"
    path.write_text("name,phone\nAda,+14155552671\nBob,12\nEve,13\n")
    contact_list = imported(path)
    text = "phone,Row in your file,Reason,name\n(415) 555-2672,3,It is too short,=Bob\n"
    contact_list = corrected(session, contact_list, settings, now, text)
    assert [(row.row_number, row.cells, row.verdict) for row in rows_of(session, contact_list)] == [
        (2, ["Ada", "+14155552671"], "ready"), (3, ["=Bob", "(415) 555-2672"], "ready"), (4, ["Eve", "13"], "invalid"),
    ]  # fmt: skip
    assert (contact_list.edited, contact_list.correction, contact_list.problem) == (1, None, None)
    assert [path.name for path in (settings.data_dir / "uploads").iterdir()] == ["stored"]


def test_a_list_that_was_once_exported_here_is_corrected_by_its_own_row_numbers(
    session, imported, settings, tmp_path, now
):
    path = tmp_path / "list.csv"
    path.write_text("phone,Row in your file\n12,3\n+14155552671,2\n")
    contact_list = imported(path)
    text = "phone,Row in your file,Row in your file,Box,Reason\n+14155552672,3,2,Invalid,Short\n"
    contact_list = corrected(session, contact_list, settings, now, text)
    assert [row.cells for row in rows_of(session, contact_list)] == [["+14155552672", "3"], ["+14155552671", "2"]]


def test_the_last_of_a_number_can_be_chosen_afterwards_over_many_batches(session, imported, tmp_path, now):
    path = tmp_path / "list.csv"
    path.write_text("phone\n" + "".join(f"+1415{5_552_000 + n % 1500}\n" for n in range(3000)))
    contact_list = imported(path)
    for keep, good in (("last", slice(1500, None)), ("first", slice(1500))):
        change_rules(contact_list, "US", keep, now)
        session.commit()
        import_list(contact_list.id)
        contact_list = fresh(session, contact_list.id)
        rows = rows_of(session, contact_list)
        assert {row.verdict for row in rows[good]} == {"ready"}
        assert (contact_list.counts["ready"], contact_list.counts["duplicate"]) == (1500, 1500)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,phone\nBob,+14155552672\n", "it has no column “Row in your file”"),
        ("phone,Row in your file\n+14155552672,99\n", "None of the rows"),
        ("", "There is nothing in this file."),
    ],
)
def test_a_file_that_is_no_correction_leaves_the_list_as_it_was(
    session, imported, settings, tmp_path, now, text, words
):
    path = tmp_path / "list.csv"
    path.write_text("name,phone\nAda,+14155552671\nBob,12\n")
    contact_list = imported(path)
    counts = dict(contact_list.counts)
    contact_list = corrected(session, contact_list, settings, now, text)
    assert (contact_list.state, contact_list.counts) == ("ready", counts)
    assert words in contact_list.problem


def test_a_list_that_is_kept_is_a_copy_and_is_judged_anew_where_it_is_used(session, imported, now):
    contact_list = imported(DATA / "numbers_only.txt")
    kept = keep_list(session, contact_list.campaign_id, "Everybody", ADA, now)
    session.commit()
    import_list(kept.id)
    kept = fresh(session, kept.id)
    numbers = [row.number for row in rows_of(session, kept)]
    assert (kept.state, numbers) == ("ready", [row.number for row in rows_of(session, contact_list)])
    session.add(Suppression(number=numbers[0], created_at=now))
    other = make_list(session, make_campaign(session), size=0)
    take_rows(other, "copy", kept.id, kept.name, [], now)
    session.commit()
    import_list(other.id)
    other = fresh(session, other.id)
    assert (other.state, other.counts["do_not_call"], other.filename) == ("ready", 1, "Everybody")
    assert [row.row_number for row in rows_of(session, other)] == [1, 3, 4, 5]


def test_whoever_a_campaign_did_not_reach_can_be_the_next_list(session, imported, tmp_path, now):
    path = tmp_path / "list.csv"
    path.write_text("name,phone\nAda,+14155550001\nBob,+14155550002\nEve,+14155550003\n")
    source = imported(path)
    campaign = session.get_one(Campaign, source.campaign_id)
    with writing(session):
        launch(session, campaign.id, campaign_version=1, list_version=source.version, actor=ADA, now=now)
    wave = accepted(session, campaign, now)
    for place, status in ((1, AttemptStatus.ANSWERED), (2, AttemptStatus.NO_ANSWER)):
        report(session, wave, place, status, now)
    other = make_list(session, make_campaign(session), size=0)
    take_rows(other, "unreached", campaign.id, "Not reached", ["no_answer", "busy"], now)
    session.commit()
    import_list(other.id)
    other = fresh(session, other.id)
    assert [(row.row_number, row.cells) for row in rows_of(session, other)] == [(3, ["Bob", "+14155550002"])]
    assert (other.headers, other.mapping["variables"]) == (["name", "phone"], {"name": 0})


def test_nobody_to_be_taken_is_told(session, now):
    campaign = launched(session, now)
    other = make_list(session, make_campaign(session), size=0)
    take_rows(other, "unreached", campaign.id, "Not reached", ["busy"], now)
    session.commit()
    import_list(other.id)
    assert fresh(session, other.id).problem == "Nobody is left to be taken from there."


def test_a_list_that_changed_while_it_was_kept_is_not_kept_half(session, imported, now):
    contact_list = imported(DATA / "numbers_only.txt")
    kept = keep_list(session, contact_list.campaign_id, "Everybody", ADA, now)
    work_again(contact_list, now)
    session.commit()
    import_list(kept.id)
    assert "was changed while it was being kept" in fresh(session, kept.id).problem


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


def rewritten(source, path, part, change):
    """A workbook of ours in which one part is something else."""
    with zipfile.ZipFile(DATA / source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text.decode()) if name == part else text)


def entity_bomb(path):
    """Ten thousand million times "lol", as an entity of entities."""
    inner = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE bomb [<!ENTITY l0 "lollollollol">{inner}]>'
    rewritten("ugly-libreoffice.xlsx", path, "xl/sharedStrings.xml",
              lambda text: text.replace("<sst", f"{bomb}<sst").replace("Anna", "&l9;"))  # fmt: skip


def repeated_bomb(path):
    """Three rows that say of themselves that they are a million each, with cells that say that they are sixteen thousand."""

    def change(text):
        row, cell = "<table:table-row ", "<table:table-cell "
        text = text.replace(row, f'{row}table:number-rows-repeated="1000000" ', 3)
        return text.replace(cell, f'{cell}table:number-columns-repeated="16000" ', 3)

    rewritten("ugly-libreoffice.ods", path, "content.xml", change)


def locked_workbook(path):
    """What a workbook with a password begins like: a container of the old format with nothing in it that we can open."""
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4096))


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
        (lambda path: path.write_bytes(bytes(range(256)) * 50), "neither a text file (CSV) nor a workbook"),
        (lambda path: path.write_bytes(b'phone\n"' + b"x\n" * 200_000), "quotation mark"),
        (lambda path: path.write_bytes(b"phone," * 600 + b"\n+14155552671\n"), "more than 500 columns"),
        (plain_archive, "This is an archive, but no workbook."),
        (cut_in_the_middle, "damaged"),
        (zip_bomb, "unpacks to more than 1 GB"),
        (entity_bomb, "damaged"),
        (repeated_bomb, "damaged"),
        (locked_workbook, "protected by a password"),
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
    work_again(contact_list, now)
    session.commit()
    with pytest.raises(ClaimLost):
        run(open_work(session, contact_list.id, "of an earlier run"))
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
