"""Every kind of file that can be a list, as rows of texts."""

import json
from pathlib import Path

import pytest

from jobs.file_formats import detect_encoding, open_file

DATA = Path(__file__).parent.parent / "data"
SPECTRUM = sorted((DATA / "csv-spectrum").glob("*.csv"), key=lambda path: path.stem)
NAMES = (
    "Name;Telefon;Ort\nJürgen Groß;0151 12345678;Köln\nZoë Lefèvre;06 12 34 56 78;Orléans\nÅsa;070 123 45 67;Malmö\n"
)


def rows_of(path, **asked):
    opened = open_file(path, asked)
    return opened.used, list(opened.rows)


@pytest.mark.parametrize("path", SPECTRUM, ids=lambda path: path.stem)
def test_the_corpus_that_csv_libraries_test_with_is_read_as_it_says(path):
    """csv-spectrum: quotes, newlines and commas in cells, empty cells, JSON in a cell, UTF-8, both line ends."""
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    expected = told if isinstance(told, list) else [told]
    _, (names, *rows) = rows_of(path)
    assert [dict(zip(names, row, strict=True)) for row in rows if row] == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman"])
def test_western_names_are_read_in_every_encoding_they_come_in(tmp_path, encoding):
    path = tmp_path / "list.csv"
    path.write_bytes(NAMES.encode(encoding))
    used, rows = rows_of(path)
    assert used["encoding"] == encoding
    assert rows[1:] == [line.split(";") for line in NAMES.splitlines()[1:]]


@pytest.mark.parametrize("name", ["Jörg", "François", "Müller", "Señor Núñez", "Åsa Öberg", "“quoted”"])
@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_a_single_name_is_enough_to_tell_windows_from_mac(tmp_path, name, encoding):
    path = tmp_path / "list.csv"
    path.write_bytes(f"phone,name\n+14155552671,{name}\n".encode(encoding))
    assert detect_encoding(path) == encoding


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Телефон;Имя;Город\n+79161234567;Иван Петров;Москва\n+79161234568;Мария Сидорова;Казань\n"),
        ("cp932", "電話番号,名前,都市\n+81312345678,山田太郎,東京都\n+81312345679,鈴木花子さん,大阪府\n"),
        ("gb18030", "手机号,姓名,城市\n+8613812345678,王小明,北京市朝阳区\n+8613812345679,李丽华,上海市浦东新区\n"),
    ],
)
def test_other_alphabets_are_told_apart(tmp_path, encoding, text):
    path = tmp_path / "list.csv"
    path.write_bytes((text * 5).encode(encoding))
    _, rows = rows_of(path)
    assert rows[1] == text.splitlines()[1].replace(";", ",").split(",")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_and_can_be_told(tmp_path, separator):
    path = tmp_path / "list.txt"
    path.write_text(f"name{separator}phone\nAda{separator}+14155552671\n")
    used, rows = rows_of(path)
    assert (used["separator"], rows[1]) == (separator, ["Ada", "+14155552671"])
    assert len(rows_of(path, separator="," if separator != "," else ";")[1][0]) == 1


def test_excels_own_line_about_the_separator_is_believed_and_left_out(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("sep=;\r\nName;Phone, mobile\r\nAda;+1 415 555 2671\r\n".encode("cp1252"))
    used, rows = rows_of(path)
    assert (used["separator"], rows) == (";", [["Name", "Phone, mobile"], ["Ada", "+1 415 555 2671"]])


@pytest.mark.parametrize("ending", ["xlsx", "ods", "xls"])
def test_a_workbook_that_libreoffice_wrote_is_read_as_it_looks(ending):
    used, rows = rows_of(DATA / f"ugly-libreoffice.{ending}")
    assert (used["kind"], used["sheet"], used["sheets"]) == (ending, "Kunden", ["Notes", "Kunden"])
    assert rows[0] == ["Name", "Telefon", "Stadt", "Betrag", "Seit", "Aktiv"]
    assert rows[1][:5] == ["Jürgen Müller", "0151 12345678", "Köln", "12.5", "2024-01-02"]
    assert rows[2][:4] == ["Anna Groß", "4915112345679", "Düsseldorf", "3"]
    assert rows[5][:3] == ["=1+1", "'015112345680", "a\nb"]


def test_how_many_rows_there_will_be_is_told_from_how_far_the_reader_is(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("phone\n" + "+14155552671\n" * 50_000)
    opened = open_file(path, {})
    read = [next(opened.rows) for _ in range(20_000)]
    assert 40_000 < opened.expected(len(read)) < 60_000
