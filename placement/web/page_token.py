"""Tokens of pages: opaque, and valid for one query only.

The key of an object is what orders it, its stored id or its name.
"""

import base64
import binascii
import hashlib
import typing

import orjson

from placement import extension_exception
from placement.api.operation import Parameter

_DIGEST_BYTES = 12


def parameters(objects: str) -> dict[str, Parameter]:
    """Return the parameters of an operation that lists objects in pages."""
    return {
        "page_size": Parameter(f"{objects} per page, at most 10000; by default 1000."),
        "page_token": Parameter("`next_page_token` of the previous page."),
    }


def encode(query: list[typing.Any], last: int | str) -> str:
    """Return the token of the page after the object with the key ``last``."""
    token = orjson.dumps([_digest(query, last), last])
    return base64.urlsafe_b64encode(token).decode()


def decode(query: list[typing.Any], token: str) -> int:
    """Return the id after which the page starts.

    Raises PageTokenInvalid for a token that is not one of this query.
    """
    last = _decode(query, token)
    if isinstance(last, int) and 0 <= last < 2**31:
        return last
    raise extension_exception.PageTokenInvalid()


def decode_name(query: list[typing.Any], token: str) -> str:
    """Return the name after which the page starts, which may be any text.

    Raises PageTokenInvalid for a token that is not one of this query.
    """
    last = _decode(query, token)
    if isinstance(last, str):
        return last
    raise extension_exception.PageTokenInvalid()


def _decode(query: list[typing.Any], token: str) -> int | str | None:
    try:
        decoded = orjson.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    match decoded:
        case [str(), int() | str() as last] if token == encode(query, last):
            return last
    return None


def _digest(query: list[typing.Any], last: int | str) -> str:
    text = orjson.dumps([*query, last])
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()
