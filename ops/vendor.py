"""Copies the front-end files that pages use from their npm packages into static/vendor, unmodified, with licences and checksums."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "static" / "vendor"
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package at one version, and the files of it that pages load (paths inside the package)."""

    name: str
    version: str
    files: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Its folder under static/vendor, as templates name it."""
        return f"{self.name}-{self.version}"


PACKAGES = (
    Package("bootstrap", "5.3.9", ("dist/css/bootstrap.min.css", "LICENSE")),
    Package("htmx.org", "2.0.11", ("dist/htmx.min.js", "LICENSE")),
    Package("idiomorph", "0.8.0", ("dist/idiomorph.min.js", "LICENSE")),
    Package("uplot", "1.6.32", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")),
)


def fetch(package: Package, workspace: Path) -> Path:
    """Packs one package with npm and unpacks it into the workspace; returns the folder of its content."""
    unpacked = workspace / package.folder
    unpacked.mkdir()
    command = ["npm", "pack", "--silent", "--pack-destination", str(unpacked), f"{package.name}@{package.version}"]
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    (archive,) = unpacked.glob("*.tgz")
    with tarfile.open(archive) as tarball:
        tarball.extractall(unpacked, filter="data")
    return unpacked / "package"


def checksums(vendor: Path) -> str:
    """One `sha256  path` line for each vendored file, in the form that `sha256sum --check` reads."""
    files = sorted(path for path in vendor.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(vendor).as_posix()}" for path in files
    )
    return "".join(f"{line}\n" for line in lines)


def vendor_all(vendor: Path = VENDOR) -> None:
    """Replaces the vendor folder. Everything is fetched first: a failed download leaves the old folder whole."""
    with tempfile.TemporaryDirectory() as workspace:
        contents = [(package, fetch(package, Path(workspace))) for package in PACKAGES]
        shutil.rmtree(vendor, ignore_errors=True)
        for package, content in contents:
            target = vendor / package.folder
            target.mkdir(parents=True)
            for file in package.files:
                shutil.copyfile(content / file, target / Path(file).name)
    (vendor / CHECKSUMS).write_text(checksums(vendor))


if __name__ == "__main__":
    vendor_all()
