"""What a handler reads of one request."""

import collections.abc
import dataclasses
import functools
import typing

import orjson

from placement import exception
from placement.querystring import Query

if typing.TYPE_CHECKING:
    from placement.context import RequestContext
    from placement.microversion import Version
    from placement.schemas.validation import Schemas


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
            body = orjson.loads(self.read_body())
        except orjson.JSONDecodeError as malformed:
            raise exception.BadRequest(
                reason=f"Malformed JSON: {malformed}"
            ) from malformed
        schemas.validate_body(body, self.version)
        return body

    def validated_query(self, schemas: "Schemas") -> Query:
        """Return the query, its last values checked by the schema of this version.

        Raises QueryInvalid.
        """
        schemas.validate_query(self.query.last_values(), self.version)
        return self.query
