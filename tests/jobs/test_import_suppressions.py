"""Reading files into the do-not-call list: exact counts however often the process is killed, and a sentence for every bad file."""

import shutil
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import select

from core.audit import Actor
from core.models import AuditEntry, Suppression, SuppressionImport
from core.suppression_imports import begin_import, cancel_import
from jobs import import_suppressions as job
from jobs.import_suppressions import import_suppressions

DATA = Path(__file__).parent.parent / "data"
ADA = Actor("Ada")

pytestmark = pytest.mark.usefixtures("job_runtime")


@pytest.fixture
def begun(session, settings, now):
    """Begins the import of a file, as the upload would have."""

    def begin(path, country="US", reason=""):
        uploads = settings.data_dir / "uploads"
        uploads.mkdir(exist_ok=True)
        shutil.copy(path, uploads / "stored")
        begun = begin_import(session, "stored", path.name, country, reason, None, ADA, now)
        session.commit()
        return begun.id

    return begin


@pytest.fixture
def many(tmp_path):
    """6,000 rows, of which every 100th is no number and the last is there twice."""
    path = tmp_path / "many.csv"
    rows = [f"+1415555{place:04d}" if place % 100 else "none" for place in range(5999)]
    path.write_text("\n".join(["number", *rows, rows[-1]]))
    return path


def result(session, import_id):
    session.rollback()
    held = session.get_one(SuppressionImport, import_id, populate_existing=True)
    return held.state, held.rows_read, held.added, held.known, held.invalid


def listed(session):
    query = select(Suppression.number, Suppression.reason, Suppression.source, Suppression.created_by)
    return [tuple(row) for row in session.execute(query.order_by(Suppression.number))]


def test_each_row_is_put_on_the_list_or_told_why_not(session, settings, begun, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("Telefon;Grund;Gültig bis\n0151 12345678;Brief;\n+14155552671;;31.12.2199\n12;;\n0151/12345678;;\n")
    import_id = begun(path, "DE", "Gekauft")
    import_suppressions(import_id)
    assert result(session, import_id) == ("ready", 4, 2, 1, 1)
    assert listed(session) == [("+14155552671", "Gekauft", "file", "Ada"), ("+4915112345678", "Brief", "file", "Ada")]
    assert session.get(SuppressionImport, import_id).problems == [[4, "12", "It is too short for Germany."]]
    assert not (settings.data_dir / "uploads" / "stored").exists()
    ends = session.scalars(select(AuditEntry).where(AuditEntry.act == "suppression.imported")).all()
    assert [(e.actor, e.after) for e in ends] == [
        ("Callboard", {"rows": 4, "added": 2, "there_already": 1, "left_out": 1})
    ]  # fmt: skip


def test_a_workbook_is_read(session, begun, tmp_path):
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["phone"])
        sheet.write_row(1, 0, [14155552671])
    import_id = begun(path)
    import_suppressions(import_id)
    assert result(session, import_id) == ("ready", 1, 1, 0, 0)


def test_many_rows_are_counted_exactly(session, begun, many):
    import_id = begun(many)
    import_suppressions(import_id)
    assert result(session, import_id) == ("ready", 6000, 5939, 1, 60)
    assert len(listed(session)) == 5939
    import_suppressions(import_id)
    assert result(session, import_id) == ("ready", 6000, 5939, 1, 60)


def test_killed_half_way_it_goes_on_behind_the_rows_that_are_counted(session, begun, many, monkeypatch, now):
    import_id, store, calls = begun(many), job.store_rows, []

    def killed_at_the_second(*given):
        calls.append(given)
        if len(calls) == 2:
            raise SystemExit
        return store(*given)

    monkeypatch.setattr(job, "store_rows", killed_at_the_second)
    with pytest.raises(SystemExit):
        import_suppressions(import_id)
    assert result(session, import_id)[:2] == ("importing", 5000)
    session.get(SuppressionImport, import_id).changed_at = now  # long ago
    session.commit()
    import_suppressions(import_id)
    assert result(session, import_id) == ("ready", 6000, 5939, 1, 60)


def test_a_cancelled_import_adds_nothing_more(session, begun, many, monkeypatch, now):
    import_id, judge_rows = begun(many), job.judge_rows

    def cancelled_meanwhile(*given):
        cancel_import(session, import_id, ADA, now)
        session.commit()
        return judge_rows(*given)

    monkeypatch.setattr(job, "judge_rows", cancelled_meanwhile)
    import_suppressions(import_id)
    assert result(session, import_id) == ("cancelled", 0, 0, 0, 0)
    assert listed(session) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "There is nothing in this file."),
        (b"name\nAda\n", "No column looks like phone numbers."),
        (bytes(range(256)) * 50, "neither a text file"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_a_sentence(session, begun, tmp_path, content, words):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    import_id = begun(path)
    import_suppressions(import_id)
    assert result(session, import_id) == ("failed", 0, 0, 0, 0)
    assert words in session.get(SuppressionImport, import_id).problem
    assert session.scalars(select(AuditEntry.summary)).all()[-1] == "A file for the do-not-call list could not be read."


def test_a_fault_of_ours_ends_the_import_with_a_sentence(session, begun, many, monkeypatch):
    monkeypatch.setattr(job, "judge_rows", lambda *_: 1 / 0)
    import_id = begun(many)
    import_suppressions(import_id)
    assert "The fault is ours" in session.get_one(SuppressionImport, import_id, populate_existing=True).problem
