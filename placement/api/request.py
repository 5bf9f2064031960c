"""The request, as handlers read it."""

import collections.abc
import dataclasses
import functools
import gc
import json
import re
import typing

import orjson

from placement import exception
from placement.api.querystring import Query

if typing.TYPE_CHECKING:
    from placement.api.microversion import Version
    from placement.context import RequestContext
    from placement.schemas.validation import Schemas


# A body of at least this many bytes is parsed with garbage collection turned off.
_LARGE_BODY = 2**16

# The escape of one half of a surrogate pair.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclasses.dataclass(frozen=True)
class Request:
    """One request.

    ``prefix`` is the path that the service is mounted at, without a trailing slash;
    links in bodies start with it. The schemas are those of the operation.
    """

    context: "RequestContext"
    version: "Version"
    prefix: str
    query_string: bytes
    read_body: collections.abc.Callable[[], bytes]
    body_schemas: "Schemas | None" = None
    query_schemas: "Schemas | None" = None

    @functools.cached_property
    def query(self) -> Query:
        """Parse the query string.

        Raises QueryInvalid when it is not UTF-8.
        """
        return Query.parse(self.query_string)

    def json(self) -> typing.Any:
        """Return the body, validated by the schema of the request's version.

        Raises BadRequest for a body that is not JSON, and SchemaInvalid.
        """
        assert self.body_schemas is not None
        return parse_json(self.read_body(), self.body_schemas, self.version)

    def validated_query(self) -> Query:
        """Return the query, validated by the schema of the request's version.

        Only the last value of a repeated parameter is validated. Raises QueryInvalid.
        """
        assert self.query_schemas is not None
        self.query_schemas.validate_query(self.query.last_values(), self.version)
        return self.query


def parse_json(body: bytes, schemas: "Schemas", version: "Version") -> typing.Any:
    """Return the value of a JSON body, validated by the schema of ``version``.

    Raises BadRequest for a body that is not JSON, and SchemaInvalid.
    """
    try:
        value = _parse(body)
    except ValueError as malformed:
        raise exception.BadRequest(reason=f"Malformed JSON: {malformed}") from malformed
    try:
        schemas.validate_body(value, version)
    except RecursionError as too_deep:
        # The validator fails while it formats the message, not while it checks.
        raise exception.SchemaInvalid(reason="nested too deeply") from too_deep
    return value


def _parse(body: bytes) -> typing.Any:
    """Parse JSON.

    The escape of a lone surrogate is valid JSON, and the schema reports where it is.
    orjson rejects it, so such bodies are parsed by the standard library.

    Raises ValueError for anything but JSON in UTF-8.
    """
    if len(body) < _LARGE_BODY:
        return _loaded(body)
    # Parsing creates many containers at once, and each garbage collection traverses
    # all of them: for a million, this takes longer than the parsing.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _loaded(body)
    finally:
        # Of several threads here at once, the first one found it enabled.
        if was_enabled:
            gc.enable()


def _loaded(body: bytes) -> typing.Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if not _SURROGATE.search(body):
            raise
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except RecursionError as too_deep:
        raise ValueError("it is nested too deeply") from too_deep


def _refuse_constant(name: str) -> typing.NoReturn:
    raise ValueError(f"{name} is not a number")
