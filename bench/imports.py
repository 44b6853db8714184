"""`make bench-import`: how fast a list comes in, beside the loop that anybody would write first, and how fast its grid answers.

Both read the same file in the same run, by turns, each in a process of its own. The ratio of the two says little of the machine
and much of us.
"""

import argparse
import csv
import json
import random
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import xlsxwriter
from sqlalchemy import insert
from sqlalchemy.orm import Session

from bench.receive import ON_DISK
from bench.servers import ROOT, environment_of
from config import Settings
from core.database import open_engine
from core.models import Campaign, ContactList, Row, Suppression
from core.row_store import rows_page
from core.states import RowVerdict
from jobs.runtime import now
from ops.database import upgrade_database
from ops.postgresql import private_postgresql, short_folder
from ops.test_tools import find_postgresql

HEADERS = ("phone", "first_name", "city", "amount")
PAGES = 40


def some_number(chance: random.Random) -> str:
    return f"{chance.choice((415, 212, 303, 617, 702))}{chance.randint(2_000_000, 9_999_999)}"


def some_row(place: int, chance: random.Random) -> tuple[str, ...]:
    """As lists are: half in E.164, most others as written at home, some damaged, one in forty no number at all."""
    digits = some_number(chance)
    ways = (f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", digits, f"1{digits}", f"'{digits}", f"12{digits[:6]}")
    written = (
        f"+1{digits}" if place % 20 < 10 else ways[(0, 0, 0, 0, 0, 1, 1, 1, 2, 3 + place % 40 // 20)[place % 20 - 10]]
    )
    return written, f"Ada{place % 977}", f"City {place % 3001}", f"{place % 500}.50"


def write_files(folder: Path, rows: int, workbook_rows: int) -> None:
    chance = random.Random(1)
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(HEADERS)
        lines.writerows(some_row(place, chance) for place in range(rows))
    with xlsxwriter.Workbook(folder / "list.xlsx", {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, HEADERS)
        for place in range(workbook_rows):
            sheet.write_row(place + 1, 0, some_row(place, chance))


@dataclass
class Side:
    """One way to import, and what each round of it came to."""

    name: str
    environment: dict[str, str]
    folder: Path
    rounds: list[dict[str, Any]] = field(default_factory=list)

    def run(self, *command: str) -> dict[str, Any]:
        asked = [sys.executable, "-m", "bench.import_side", *command]
        done = subprocess.run(asked, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, check=True)
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if told.get("state", "ready") != "ready":
            raise RuntimeError(f"{self.name}: the import ended as {told}")
        return told

    def per_second(self) -> float:
        return median(one["rows"] / one["seconds"] for one in self.rounds)

    def line(self, beside: "Side") -> str:
        ratio, memory = self.per_second() / beside.per_second(), max(one["megabytes"] for one in self.rounds)
        return f"{self.name:<12} {self.per_second():>10,.0f} rows/s   ratio {ratio:.2f}   at most {memory:.0f} MB"


class Ours(Side):
    """Callboard on one kind of database, with a do-not-call list; each round is a draft of its own."""

    def prepare(self, suppressions: int) -> None:
        settings = Settings.from_environment(self.environment)
        upgrade_database(settings)
        (self.folder / "uploads").mkdir(parents=True)
        self.engine, chance = open_engine(settings.database_url), random.Random(2)
        numbers: set[str] = set()
        while len(numbers) < suppressions:
            numbers.add(f"+1{some_number(chance)}")
        with Session(self.engine) as session:
            session.execute(insert(Suppression), [{"number": number, "created_at": now()} for number in numbers])
            session.commit()

    def list_of(self, file: Path) -> int:
        shutil.copy(file, self.folder / "uploads" / file.name)
        with Session(self.engine) as session:
            campaign = Campaign(name="Measured", state_since=now(), created_at=now())
            session.add(campaign)
            session.flush()
            waiting = ContactList(campaign_id=campaign.id, state="waiting", stored_as=file.name, changed_at=now())
            session.add(waiting)
            session.commit()
            return waiting.id

    def forget_rows(self, list_id: int) -> None:
        """Each round meets an empty table, as the first did."""
        with Session(self.engine) as session:
            session.query(Row).filter_by(list_id=list_id).delete()
            session.commit()

    def grid(self, list_id: int, rows: int) -> float:
        """The slowest of many pages, in milliseconds: of the whole list and of each box, from its beginning and from anywhere.

        Each is asked for three times and its best counts: the machine is still busy with writing a million rows to its disk.
        """
        chance, slowest = random.Random(3), 0.0
        with Session(self.engine) as session:
            for box in (None, *RowVerdict):
                for after in (0, *(chance.randrange(rows) for _ in range(PAGES))):
                    slowest = max(slowest, min(self._page(session, list_id, box, after) for _ in range(3)))
        return slowest * 1000

    def _page(self, session: Session, list_id: int, box: str | None, after: int) -> float:
        session.rollback()
        began = time.perf_counter()
        rows_page(session, list_id, box, after)
        return time.perf_counter() - began


@contextmanager
def sides(folder: Path, suppressions: int) -> Iterator[list[Ours]]:
    with private_postgresql(find_postgresql(), place=ON_DISK) as postgresql:
        both = []
        for name, url in (("sqlite", f"sqlite:///{folder / 'callboard.db'}"), ("postgresql", postgresql)):
            data = folder / name
            data.mkdir()
            environment = environment_of({"DATABASE_URL": url, "DATA_DIR": data, "SECRET_KEY": secrets.token_hex(20)})
            both.append(Ours(name, environment, data))
            both[-1].prepare(suppressions)
        yield both
        for side in both:
            side.engine.dispose()


def measure(folder: Path, asked: argparse.Namespace) -> list[str]:
    write_files(folder, asked.rows, asked.workbook_rows)
    plain = Side("plain loop", environment_of({}), folder)
    with sides(folder, asked.suppressions) as both:
        for place in range(asked.rounds):
            plain.rounds.append(plain.run("plain", str(folder / "list.csv"), str(folder / "plain.db")))
            for side in both:
                list_id = side.list_of(folder / "list.csv")
                side.rounds.append(side.run("ours", str(list_id)))
                if place == asked.rounds - 1:
                    print(
                        f"{side.name}: the slowest of {PAGES * 7:,} pages of the grid took {side.grid(list_id, asked.rows):.0f} ms"
                    )
                side.forget_rows(list_id)
        for side in both:
            told = side.run("ours", str(side.list_of(folder / "list.xlsx")))
            print(f"{side.name}: a workbook of {told['rows']:,} rows in {told['seconds']:.1f} s")
        for side in (plain, *both):
            print(side.line(plain))
        return [f"ratio {side.name} {side.per_second() / plain.per_second():.2f}" for side in both]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-import", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workbook-rows", type=int, default=100_000)
    parser.add_argument("--suppressions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    with short_folder(ON_DISK) as folder:
        for line in measure(folder, parser.parse_args(arguments)):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
