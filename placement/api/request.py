"""What a handler reads of one request."""

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


# From so many bytes on a body is parsed without collections of garbage.
_LARGE_BODY = 2**16

# The escape of one half of a surrogate pair.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclasses.dataclass(frozen=True)
class Request:
    """One request: who asks, at which version, for what.

    ``prefix`` is the path that the service is mounted at, without a slash at its
    end; every link in a body begins with it.
    """

    context: "RequestContext"
    version: "Version"
    prefix: str
    query_string: bytes
    read_body: collections.abc.Callable[[], bytes]

    @functools.cached_property
    def query(self) -> Query:
        """The query string, taken apart.

        Raises QueryInvalid when it is not UTF-8.
        """
        return Query.parse(self.query_string)

    def json(self, schemas: "Schemas") -> typing.Any:
        """Return the body, checked against the schema of this version.

        Raises BadRequest for a body that is not JSON, and SchemaInvalid for one
        that breaks the schema.
        """
        try:
            body = _parse(self.read_body())
        except ValueError as malformed:
            raise exception.BadRequest(
                reason=f"Malformed JSON: {malformed}"
            ) from malformed
        try:
            schemas.validate_body(body, self.version)
        except RecursionError as too_deep:
            # Not of checking it, but of showing what is wrong.
            raise exception.SchemaInvalid(reason="nested too deeply") from too_deep
        return body

    def validated_query(self, schemas: "Schemas") -> Query:
        """Return the query, its last values checked by the schema of this version.

        Raises QueryInvalid.
        """
        schemas.validate_query(self.query.last_values(), self.version)
        return self.query


def _parse(body: bytes) -> typing.Any:
    """Return what ``body`` says in JSON.

    Half of a surrogate pair is JSON, though no text: where it stands is told by the
    schema. The fast parser refuses it, so that such bodies get another.

    Raises ValueError when it is not JSON in UTF-8.
    """
    if len(body) < _LARGE_BODY:
        return _loaded(body)
    # Each new list or object may start a collection of garbage, which looks at all
    # that there are: for a million of them that takes longer than to make them.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _loaded(body)
    finally:
        # Of several threads that do so at once, one at least has found it enabled.
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
