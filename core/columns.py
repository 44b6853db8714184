"""Which column of a file is what: guessed by the header's words, in several languages, and by what stands in the column."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from core.phone import Damaged, mend

LONGEST_VARIABLE = 64
# The name of our own reference among the variables of a person; nothing of a list may have it.
REF = "callboard_ref"
_NUMBER_WORDS = """
    to_number tonumber to phone phonenumber phone_number telephone telephonenumber tel telnr telno
    mobile mobilenumber mobilephone cell cellphone cellnumber number msisdn e164 contactnumber
    customerphone customernumber callee dial whatsapp telefon telefonnummer rufnummer handy
    handynummer mobil mobilnummer mobiltelefon telephoneportable numero numerodetelephone
    numerotelephone portable numtel telefono numerodetelefono movil celular telefonomovil cellulare
    numeroditelefono telefone numerodetelefone telemovel telefoonnummer telefoon mobiel gsm
    telefonnumer numertelefonu komorka puhelin puhelinnumero mobilnr telefonszam telefonnum cislo
    telefonnicislo 電話 電話番号 电话 手机 手机号 전화번호 телефон номер номертелефона мобильный
"""
_CALLER_WORDS = """
    from from_number fromnumber callerid caller callernumber callfrom outboundnumber absender
    absendernummer anrufernummer numeroemetteur appelant numeroappelant remitente llamante
    numerosaliente mittente chiamante remetente afzender
"""
_ZONE_WORDS = """
    timezone tz zone timezoneid zeitzone fuseau fuseauhoraire zonahoraria husohorario fusoorario
    fusohorario tijdzone strefaczasowa
"""
_REASON_WORDS = """
    reason why note comment remark grund bemerkung kommentar anmerkung motif raison remarque commentaire motivo razon
    comentario nota ragione commento reden opmerking powod uwaga syy orsak duvod ok причина 原因 理由 사유
"""
_END_WORDS = """
    expires expiresat expiry expirydate expiration expirationdate until validuntil validto end enddate ends endsat bis gultigbis
    gueltigbis ablauf ablaufdatum lauftab laeuftab jusquau expire expirele hasta caduca caducidad vence vencimento scadenza
    scade vervalt geldigtot tot wygasa waznedo до действительнодо
"""
_ENOUGH = 0.5


def _words(text: str) -> frozenset[str]:
    return frozenset(_key(word) for word in text.split())


def _key(header: str) -> str:
    """A header without case, accents, spaces and marks: "Téléphone (mobile)" → "telephonemobile"."""
    plain = unicodedata.normalize("NFKD", header.casefold())
    return "".join(c for c in plain if c.isalnum())


_NUMBERS, _CALLERS, _ZONES = _words(_NUMBER_WORDS), _words(_CALLER_WORDS), _words(_ZONE_WORDS)
_REASONS, _ENDS = _words(_REASON_WORDS), _words(_END_WORDS)


def looks_like_number(text: str) -> bool:
    """Could this cell be a phone number? Seven to fifteen digits and little else; not a date, not an amount."""
    try:
        text = mend(text.strip())
    except Damaged:
        # Only a number can lose its last digits to a spreadsheet.
        return True
    digits = sum(c.isdigit() for c in text)
    if not 7 <= digits <= 17 or re.fullmatch(r"\d{4}-\d\d-\d\d.*|\d{1,2}[./]\d{1,2}[./]\d{4}", text):
        return False
    letters = sum(c.isalpha() for c in text)
    return letters <= 4 and (text[0] in "+(0123456789")


def guess_mapping(headers: Sequence[str], rows: Sequence[Sequence[str]], needed: Sequence[str] = ()) -> dict[str, Any]:
    """A mapping in the form of `ContactList.mapping`; "number" is None where no column looks like numbers.

    `rows` are the first ones of the file, `needed` the variables that the agent declares.
    """
    caller = _by_name(headers, _CALLERS, set())
    number = _number_column(headers, rows, {caller})
    zone = _by_name(headers, _ZONES, {number, caller})
    if zone is None:
        zone = _zone_column(headers, rows, {number, caller})
    taken = {number, caller, zone}
    return {
        "number": number, "caller_id": caller, "time_zone": zone,
        "variables": _variables([(i, h) for i, h in enumerate(headers) if i not in taken and not _is_nothing(h, i, rows)], needed),
    }  # fmt: skip


def reason_and_end_columns(headers: Sequence[str], number: int) -> tuple[int | None, int | None]:
    """Where a list of numbers that must not be called says why, and until when; known by their headers only."""
    reason = _by_name(headers, _REASONS, {number})
    return reason, _by_name(headers, _ENDS, {number, reason})


def _by_name(headers: Sequence[str], words: frozenset[str], taken: set[int | None]) -> int | None:
    return next((i for i, header in enumerate(headers) if i not in taken and _key(header) in words), None)


def _number_column(headers: Sequence[str], rows: Sequence[Sequence[str]], taken: set[int | None]) -> int | None:
    scores = []
    for i, header in enumerate(headers):
        share = _share(rows, i, looks_like_number)
        key = _key(header)
        named = 2 if key in _NUMBERS else 1 if any(len(word) > 2 and word in key for word in _NUMBERS) else 0
        if i not in taken and share > 0 and (named or share >= _ENOUGH):
            scores.append((named + share * 1.5, -i))
    return -max(scores)[1] if scores else None


def _zone_column(headers: Sequence[str], rows: Sequence[Sequence[str]], taken: set[int | None]) -> int | None:
    zones = available_timezones()
    for i in range(len(headers)):
        if i not in taken and _share(rows, i, lambda cell: "/" in cell and cell in zones) >= _ENOUGH:
            return i
    return None


def _share(rows: Sequence[Sequence[str]], column: int, is_one: Any) -> float:
    """Which part of the filled cells of this column is one; 0 for an empty column."""
    filled = [row[column] for row in rows if column < len(row) and row[column]]
    return sum(map(is_one, filled)) / len(filled) if filled else 0.0


def _is_nothing(header: str, column: int, rows: Sequence[Sequence[str]]) -> bool:
    """A column that the file gave no name and that is empty as far as one can see."""
    unnamed = header in ("", f"Column {column_letter(column)}")
    return unnamed and not any(column < len(row) and row[column] for row in rows)


def _variables(columns: list[tuple[int, str]], needed: Sequence[str]) -> dict[str, int]:
    """A variable for each of these columns, under the agent's own spelling where it needs it."""
    spelt = {_key(name): name for name in needed}
    variables: dict[str, int] = {}
    for i, header in columns:
        name = spelt.get(_key(header)) or variable_name(header)
        if name and name not in variables:
            variables[name] = i
    return variables


def variable_name(header: str) -> str:
    """A header as the name of a variable: "First name" → "first_name"; "" where nothing is left, or the name is ours."""
    name = re.sub(r"\W+", "_", header.strip().lower()).strip("_")[:LONGEST_VARIABLE]
    return "" if name == REF else name


def column_letter(column: int) -> str:
    """A column as spreadsheets name it: 0 → A, 26 → AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
