"""The numbers in our addresses: of a size that every database column takes, anything else is no address of ours."""

from flask import Flask
from werkzeug.routing import IntegerConverter

LARGEST_ID = 2**53


class IdConverter(IntegerConverter):
    def __init__(self, map, *args, **options):
        super().__init__(map, *args, **({"max": LARGEST_ID} | options))


def init_app(app: Flask) -> None:
    """Before any route is registered."""
    app.url_map.converters["int"] = IdConverter
    # An address has one spelling: the routing sends nobody from //x to /x, and no program a page about it.
    app.url_map.merge_slashes = False
