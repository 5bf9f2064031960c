"""Tokens of pages: opaque, and valid for one query only."""

import base64
import binascii
import hashlib
import typing

import orjson

from placement import extension_exception

_DIGEST_BYTES = 12


def encode(query: list[typing.Any], last_id: int) -> str:
    """Return the token of the page after ``last_id`` of a query."""
    token = orjson.dumps([_digest(query, last_id), last_id])
    return base64.urlsafe_b64encode(token).decode()


def decode(query: list[typing.Any], token: str) -> int:
    """Return the id after which the page starts.

    Raises PageTokenInvalid for a token that is not one of this query.
    """
    try:
        decoded = orjson.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        decoded = None
    match decoded:
        case [str(), int() as last_id] if 0 <= last_id < 2**31 and token == encode(
            query, last_id
        ):
            return last_id
    raise extension_exception.PageTokenInvalid()


def _digest(query: list[typing.Any], last_id: int) -> str:
    text = orjson.dumps([*query, last_id])
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()
