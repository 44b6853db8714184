"""Static files: each address carries the hash of its file, so that a browser may keep it for good."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

FOR_GOOD = "public, max-age=31536000, immutable"


def init_app(app: Flask) -> None:
    folder = Path(app.static_folder or "")

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            path = folder / values["filename"]
            if path.is_file():
                values["v"] = version(path, path.stat().st_mtime_ns)

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304) and "v" in request.args:
            response.headers["Cache-Control"] = FOR_GOOD
        return response


@lru_cache(maxsize=256)
def version(path: Path, _changed_at: int) -> str:
    """The start of the file's hash; looked at again when the file has changed."""
    return sha256(path.read_bytes()).hexdigest()[:12]
