"""A provider that takes every campaign at once and calls nobody: `python -m bench.instant PORT`."""

import json
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from gevent.pywsgi import WSGIServer


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    environ["wsgi.input"].read()
    if environ["REQUEST_METHOD"] != "POST":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"ok": true}']
    answer = {"campaign_id": str(uuid4()), "status": "running", "total_targets": 0}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


if __name__ == "__main__":
    WSGIServer(("127.0.0.1", int(sys.argv[1])), application, log=None).serve_forever()
