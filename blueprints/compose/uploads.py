"""Uploaded lists on disk: under DATA_DIR/uploads, with a random name, so that no text of a person is ever part of a path."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from werkzeug.datastructures import FileStorage

from blueprints.runtime import settings
from core.columns import looks_like_number
from core.lists import MOST_BYTES

CHUNK = 1024 * 1024


class TooLarge(Exception):
    """More than a list may have; the message says how much that is."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of ours: its random name, and what the person called it."""

    name: str
    filename: str
    size: int
    source: str


def folder() -> Path:
    path = settings().data_dir / "uploads"
    path.mkdir(parents=True, exist_ok=True)
    return path


def keep_file(upload: FileStorage) -> Stored:
    """Copy an upload to disk, a piece at a time. TooLarge leaves nothing behind."""
    name, size = secrets.token_hex(16), 0
    try:
        with (folder() / name).open("xb") as file:
            while chunk := upload.stream.read(CHUNK):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise TooLarge(f"The file is larger than {MOST_BYTES // 1024**2} MB. Split it into several lists.")
                file.write(chunk)
    except BaseException:
        remove(name)
        raise
    return Stored(name, (upload.filename or "upload").replace("\0", ""), size, "upload")


def keep_paste(text: str) -> Stored:
    name, content = secrets.token_hex(16), one_number_a_line(text).encode("utf-8", "replace")
    (folder() / name).write_bytes(content)
    return Stored(name, "Pasted rows", len(content), "paste")


def one_number_a_line(text: str) -> str:
    """Numbers pasted in one line ("+1…, +1…") become a list; anything else stays as it is."""
    parts = [part.strip() for part in re.split(r"[,;\t|]", text.strip())]
    is_one_line = "\n" not in text.strip() and "\r" not in text.strip()
    return "\n".join(parts) if is_one_line and all(looks_like_number(part) for part in parts if part) else text


def remove(name: str | None) -> None:
    if name:
        (folder() / Path(name).name).unlink(missing_ok=True)
