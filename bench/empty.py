"""The yardstick: a Flask view that does nothing, served as Callboard is."""

from flask import Flask

app = Flask(__name__)


@app.post("/webhooks/<token>")
def nothing(token: str) -> tuple[str, int]:
    return "", 204
