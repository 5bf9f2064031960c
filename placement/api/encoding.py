"""JSON of any integers: an allocation ratio can make amounts of more than 64 bits."""

import json
import typing

import orjson


def encode(document: typing.Any) -> bytes:
    """Return the document as JSON on one line."""
    try:
        return orjson.dumps(document)
    except TypeError:
        # orjson has integers of 64 bits only.
        return json.dumps(document, default=_decoded).encode()


def _decoded(encoded: orjson.Fragment) -> typing.Any:
    return orjson.loads(orjson.dumps(encoded))
