"""Schemas of the responses of the extensions, for their OpenAPI document and tests."""

import typing

from placement.schemas.common import Schema, closed, keyed
from placement.schemas.validation import Schemas

_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}


def _by_name(values: Schema) -> Schema:
    return keyed(".+", values)


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one(schema: typing.Any) -> Schemas:
    """Return the schema of what has no versions."""
    return Schemas({(1, 0): schema})


HEALTHCHECK = _one(
    closed({"detailed": {"type": "boolean"}, "reasons": _list_of(_TEXT)})
)

DOCUMENT = _one({"type": "object"})

_INVENTORY = closed(
    {
        "total": _INTEGER,
        "reserved": _INTEGER,
        "min_unit": _INTEGER,
        "max_unit": _INTEGER,
        "step_size": _INTEGER,
        "allocation_ratio": {"type": "number"},
        "capacity": _INTEGER,
        "used": _INTEGER,
    },
    required=(
        *("total", "reserved", "min_unit", "max_unit", "step_size"),
        *("allocation_ratio", "capacity"),
    ),
)

PROVIDER = closed(
    {
        "uuid": _TEXT,
        "name": _TEXT,
        "generation": _INTEGER,
        "parent_provider_uuid": {"type": ["string", "null"]},
        "root_provider_uuid": _TEXT,
        "state": {"enum": ["in_service"]},
        "inventories": _by_name(_INVENTORY),
        "traits": _list_of(_TEXT),
        "aggregates": _list_of(_TEXT),
        "allocations": _by_name(_by_name(_INTEGER)),
    },
    required=(
        *("uuid", "name", "generation", "state"),
        *("parent_provider_uuid", "root_provider_uuid"),
    ),
)
PROVIDERS = _one(
    closed(
        {
            "providers": _list_of(PROVIDER),
            "next_page_token": {"type": ["string", "null"]},
        }
    )
)

PROVIDER_DETAILS = _one(PROVIDER)
