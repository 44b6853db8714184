"""Makes the pictures of docs/: a campaign of invented people in the middle of its run, and the wall beside others of its kind."""

import csv
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from ops.test_tools import find_chromium

ROOT = Path(__file__).parent.parent
CAMPAIGN, WALL = ROOT / "docs" / "screenshot.png", ROOT / "docs" / "wall.png"
OTHERS = {"Appointments, week 12": (240, 4), "Payment reminders": (90, 2), "Welcome back": (60, 3)}
TOKEN = "only-for-the-screenshots"  # noqa: S105
SIZE = ViewportSize(width=1400, height=900)
EMAIL, PASSWORD = "maya.keller@example.com", "only-for-the-screenshot"
PEOPLE = 812
# Enough that every box has a number in it, and much is still to come.
ANSWERED = 150
FIRST = "Anna Ben Carla David Elena Felix Greta Hugo Ines Jonas Kira Luis Mara Nils Olga Paul Rosa Sven Tara Viktor"
LAST = "Berg Costa Dahl Ellis Ferrari Grant Holm Ito Jansen Kowalski Lopez Meyer Novak Okafor Peters Quinn Rossi"


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        print("The screenshot needs Chromium; `make test` installs it where it may.", file=sys.stderr)  # noqa: T201
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="callboard-screenshot-") as name,
        sync_playwright() as playwright,
        installation(Path(name)) as url,
    ):
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=str(chromium), args=arguments)
        page = browser.new_page(base_url=url, viewport=SIZE, color_scheme="light", locale="en-GB")
        page.set_default_timeout(60_000)
        launch(page, people_file(Path(name)))
        take(page, url)
        browser.close()
    for picture in (CAMPAIGN, WALL):
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1000} kB")  # noqa: T201
    return 0


@contextmanager
def installation(folder: Path) -> Iterator[str]:
    """`make run` in a folder of its own; its address."""
    port = free_port()
    settings = {
        "DATA_DIR": str(folder / "var"), "PORT": str(port), "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD,
        "SANDBOX_SPEED": "40", "LOG_LEVEL": "ERROR", "API_TOKEN": TOKEN,
    }  # fmt: skip
    plain = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.run"], cwd=ROOT, env=plain | settings, stdout=subprocess.PIPE, text=True
    )
    try:
        said = process.stdout or ()
        if not any("Callboard is ready" in line for line in said):
            raise RuntimeError("Callboard did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def people_file(folder: Path) -> Path:
    """Invented people with numbers that belong to nobody, a few of them twice."""
    chance, first, last = random.Random(12), FIRST.split(), LAST.split()
    rows = [
        (
            f"+1415555{1000 + place:04d}",
            f"{chance.choice(first)} {chance.choice(last)}",
            f"{chance.randint(20, 480)}.00",
            f"2026-0{chance.randint(3, 9)}-{chance.randint(1, 28):02d}",
        )
        for place in range(PEOPLE)
    ]
    path = folder / "renewals.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("phone", "name", "amount", "due_date"), *rows, *rows[:9]])
    return path


def launch(page: Page, file: Path) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Name", exact=True).fill("Spring renewals")
    page.get_by_label("Agent", exact=True).fill("b9c1f0de-0002-4a6e-8f10-000000000002")
    page.get_by_role("button", name="Continue").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Read the list").click()
    page.locator("#report").wait_for()
    page.get_by_role("link", name="Continue").click()
    page.get_by_label("Calls at a time").fill("10")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label(f"Yes, call {PEOPLE} people.").check()
    page.get_by_role("button", name=f"Call {PEOPLE} people").click()
    page.wait_for_url(re.compile(r"/campaigns/\d+$"))


def take(page: Page, url: str) -> None:
    """The notice of the launch is gone after a reload; then the page is watched until enough has happened."""
    page.reload()
    answered = page.locator("#live-numbers .box.state-answered dd")
    expect(answered).to_have_text(re.compile(rf"{ANSWERED // 10}\d|{ANSWERED // 10 + 1}\d"), timeout=600_000)
    launch_others(url)
    expect(page.locator(".js-live")).to_contain_text("Live")
    CAMPAIGN.parent.mkdir(exist_ok=True)
    page.screenshot(path=CAMPAIGN, animations="disabled")
    page.goto("/campaigns/")
    going = page.locator(".card-campaign").filter(has_text=re.compile(r"[1-9][\d.]* a minute"))
    expect(going).to_have_count(len(OTHERS) + 1, timeout=60_000)
    page.screenshot(path=WALL, animations="disabled")


def launch_others(url: str) -> None:
    for place, (name, (people, lines)) in enumerate(OTHERS.items()):
        numbers = range(place * 1000 + 100, place * 1000 + 100 + people)
        requests.post(
            f"{url}/api/v1/campaigns",
            headers={"Authorization": f"Bearer {TOKEN}"},
            json={
                "name": name, "agent_id": "b9c1f0de-0001-4a6e-8f10-000000000001", "concurrent_calls": lines,
                "targets": [{"to_number": f"+1202555{number:04d}"} for number in numbers],
            },
            timeout=30,
        ).raise_for_status()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
