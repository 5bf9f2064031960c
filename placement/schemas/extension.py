"""Schemas of the extensions, which have no versions."""

import typing

from placement.schemas.common import Schema, closed
from placement.schemas.resource_provider import LIST_FILTERS
from placement.schemas.validation import Schemas

_TEXT: Schema = {"type": "string"}


def _one(schema: typing.Any) -> Schemas:
    """Return the schema of what has no versions."""
    return Schemas({(1, 0): schema})


OPENAPI_QUERY = _one(closed({"version": _TEXT}, required=()))

_FLAG: Schema = {"type": "string", "enum": ["", "true", "1"]}

LIVENESS_QUERY = _one(closed({"verbose": _FLAG}, required=()))
READINESS_QUERY = _one(closed({"verbose": _FLAG, "exclude": _TEXT}, required=()))

PROVIDERS_QUERY = Schemas(
    {
        (1, 0): closed(
            {
                **LIST_FILTERS,
                "roots": {"type": "string", "enum": ["true", "false"]},
                "include": _TEXT,
                "page_size": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                "page_token": {"type": "string", "maxLength": 200},
            },
            required=(),
        ),
    },
    strict_uuids=True,
)
