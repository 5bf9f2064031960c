"""Schemas of the extensions, which have no versions."""

import typing

from placement.schemas import allocation_candidate
from placement.schemas.common import (
    MAX_INT,
    RESOURCE_CLASS_PATTERN,
    UUID,
    Schema,
    closed,
    keyed,
    one_or_many,
)
from placement.schemas.provider_state import STATES
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

_PART: Schema = {
    "type": "string",
    "enum": ["inventories", "usages", "traits", "aggregates", "allocations"],
}
_STATE: Schema = {"type": "string", "enum": [*STATES, "any"]}

# The maximum number of uuids, and of conditions of one kind, in a body.
UUIDS_MAX = 10_000
_CONDITIONS_MAX = 100


# The maximum number of providers on a page.
PAGE_SIZE_MAX = 10_000
_PAGE_SIZE: Schema = {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX}

PROVIDERS_QUERY = _one(
    closed(
        {
            **LIST_FILTERS,
            "roots": {"type": "string", "enum": ["true", "false"]},
            "state": _STATE,
            "include": _TEXT,
            "page_size": _PAGE_SIZE,
            "page_token": _TEXT,
        },
        required=(),
    )
)

PROVIDERS_BODY = _one(
    closed(
        {
            "name": _TEXT,
            "uuid": one_or_many(UUID, UUIDS_MAX),
            "in_tree": UUID,
            "member_of": one_or_many(_TEXT, _CONDITIONS_MAX),
            "resources": keyed(
                RESOURCE_CLASS_PATTERN,
                {"type": "integer", "minimum": 1, "maximum": MAX_INT},
                at_least=1,
            )
            | {"type": ["string", "object"]},
            "required": one_or_many(_TEXT, _CONDITIONS_MAX),
            "roots": {"type": "boolean"},
            "state": _STATE,
            "include": {"type": ["string", "array"], "items": _PART},
            "page_size": _PAGE_SIZE,
            "page_token": {"type": ["string", "null"]},
        },
        required=(),
    )
)

# The maximum number of nearest hosts that an explanation lists.
_HOSTS: Schema = {"type": "integer", "minimum": 0, "maximum": 1000}

# The names of the parameters of a search at the newest version; an explanation checks
# them, at the version that it names, as a search does.
EXPLAIN_QUERY = _one(
    closed(
        {
            **dict.fromkeys(allocation_candidate.NEWEST_NAMES, _TEXT),
            "version": _TEXT,
            "hosts": _HOSTS,
            "provider": _TEXT,
        },
        required=(),
    )
    | {"patternProperties": dict.fromkeys(allocation_candidate.NEWEST_PATTERNS, _TEXT)}
)
EXPLAIN_BODY = _one(
    closed(
        {
            "query": _TEXT,
            "version": _TEXT,
            "hosts": _HOSTS,
            "provider": _TEXT,
        },
        required=("query",),
    )
)

PROVIDER_QUERY = _one(closed({"include": _TEXT}, required=()))
