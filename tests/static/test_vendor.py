"""The vendored files are the ones that were packed, and nothing loads what is not there."""

import gzip
import re

from ops.vendor import CHECKSUMS, PACKAGES, VENDOR, checksums
from tests.static.gallery import ROOT


def test_every_vendored_file_has_its_recorded_checksum():
    assert (VENDOR / CHECKSUMS).read_text() == checksums(VENDOR)


def test_every_package_brings_its_licence():
    for package in PACKAGES:
        assert "LICENSE" in {path.name for path in (VENDOR / package.folder).iterdir()}


def test_the_frame_loads_only_files_that_exist_and_less_than_200_kb_of_them():
    frame = "".join((ROOT / "templates" / page).read_text() for page in ("base.html", "campaigns/show.html"))
    files = [ROOT / "static" / name for name in set(re.findall(r"filename='([^']+)'", frame))]
    assert len(files) >= 9
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 200_000
