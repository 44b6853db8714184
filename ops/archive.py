"""What a backup is: one tar.gz with a manifest, the database, the uploaded lists and, where it lies in DATA_DIR, the secret key."""

import gzip
import hashlib
import json
import os
import shutil
import tarfile
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.errors import CannotRestore

FORMAT = 1
MANIFEST, SECRET_KEY, UPLOADS = "manifest.json", "secret_key", "uploads"
DATABASE = {"sqlite": "callboard.db", "postgresql": "callboard.pgdump"}
LONGEST_MANIFEST = 64 * 1024 * 1024
PIECE = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What is in a backup. `rows` counts each table, `environment` names the settings that came from outside, never their values.

    `revision` is the database's; `key` tells the secret key from others without giving it away; `files` has the SHA-256 of each file.
    """

    made_at: datetime
    database: str
    revision: str
    rows: dict[str, int]
    key: str
    environment: list[str]
    files: dict[str, str]
    format: int = FORMAT


def fingerprint(secret_key: str) -> str:
    return hashlib.sha256(f"which key a backup needs: {secret_key}".encode()).hexdigest()[:16]


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below `folder`, by its name there."""
    return {str(path.relative_to(folder)): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(folder: Path, manifest: Manifest, target: Path) -> None:
    """Write the archive whole or not at all, for nobody but its owner to read."""
    text = json.dumps(asdict(manifest) | {"made_at": manifest.made_at.isoformat()}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    draft = target.with_name(f".{target.name}.partial")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
                for name in (MANIFEST, *manifest.files):
                    archive.add(folder / name, name, filter=nobodys)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the owner of the file, who may not exist where it is restored."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def unpack(archive: Path, folder: Path) -> Manifest:
    """Put everything into the empty `folder`, checked against the manifest. CannotRestore for whatever is not a whole backup."""
    try:
        with tarfile.open(archive, "r:gz") as opened:
            manifest = read_manifest(opened)
            for member in opened:
                if member.name != MANIFEST:
                    take_out(opened, member, manifest, folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise CannotRestore(f"{archive} is damaged, or no backup of Callboard: {problem}.") from None
    except OSError as problem:
        raise CannotRestore(f"{archive} cannot be read: {problem.strerror or problem}.") from None
    found = digests(folder)
    if wrong := sorted(name for name, expected in manifest.files.items() if found.get(name) != expected):
        raise CannotRestore(f"{archive} is damaged: {wrong[0]} is not what was backed up.")
    return manifest


def take_out(opened: tarfile.TarFile, member: tarfile.TarInfo, manifest: Manifest, folder: Path) -> None:
    """Copy one file. No name that leads elsewhere is in any manifest (`manifest_of`), and a link or a device is no file."""
    content = opened.extractfile(member) if member.name in manifest.files and member.isreg() else None
    if content is None:
        raise CannotRestore(f"The backup is damaged: {member.name!r} does not belong in it.")
    place = folder / member.name
    place.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, PIECE)


def read_manifest(opened: tarfile.TarFile) -> Manifest:
    """The first file of the archive, which says what else must be there."""
    member = opened.next()
    file = opened.extractfile(member) if member and member.name == MANIFEST and member.isreg() else None
    if file is None or member is None or member.size > LONGEST_MANIFEST:
        raise CannotRestore("This is no backup of Callboard: it does not begin with a manifest.")
    try:
        return manifest_of(json.load(file))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CannotRestore("The backup's manifest cannot be read.") from None


def manifest_of(values: dict[str, Any]) -> Manifest:
    if values["format"] != FORMAT or values["database"] not in DATABASE:
        raise CannotRestore(
            "This backup was made by another version of Callboard, in a form that this one does not know."
        )
    manifest = Manifest(**values | {"made_at": datetime.fromisoformat(values["made_at"])})
    names = {DATABASE[manifest.database], SECRET_KEY}
    if any(name not in names and not is_upload(name) for name in dict(manifest.files)):
        raise CannotRestore("The backup's manifest names files that do not belong in a backup.")
    return manifest


def is_upload(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder == UPLOADS and rest == Path(rest).name and rest not in ("", ".", "..")
