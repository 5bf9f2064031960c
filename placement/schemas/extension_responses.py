"""Schemas of the responses of the extensions, for their OpenAPI document and tests."""

import typing

from placement.schemas.common import Schema, closed, keyed
from placement.schemas.provider_state import STATES
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
        "state": {"enum": list(STATES)},
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
_NAMES = _list_of(_TEXT)
_NAME_OR_NULL: Schema = {"type": ["string", "null"]}
_COUNTS = {"left": _INTEGER, "pass": _INTEGER, "only": _INTEGER}
_STEP = closed(
    {"condition": _TEXT, "value": _NAMES, **_COUNTS}, required=("condition", *_COUNTS)
)
_GROUP = closed(
    {
        "suffix": _TEXT,
        "resource_class": _NAME_OR_NULL,
        "amount": _INTEGER,
        "resources": _by_name(_INTEGER),
        "steps": _list_of(_STEP),
    },
    required=("suffix", "resource_class", "steps"),
)
# A condition on the anchor has no suffix; a rule of combining has only its name.
_FAILURE = closed(
    {
        "rule": _TEXT,
        "suffix": _TEXT,
        "resource_class": _NAME_OR_NULL,
        "condition": _TEXT,
        "value": _NAMES,
        "provider": _TEXT,
        **dict.fromkeys(
            ("asked", "used", "capacity", "free", "short", "min_unit", "max_unit"),
            _INTEGER,
        ),
        "step_size": _INTEGER,
    },
    required=(),
)
_CHANGE = closed(
    {
        "rule": _TEXT,
        "suffix": _TEXT,
        "resource_class": _NAME_OR_NULL,
        "condition": _TEXT,
        "value": _NAMES,
        "to": _INTEGER,
    },
    required=(),
)
EXPLANATION = _one(
    closed(
        {
            "fits": _INTEGER,
            "cause": {
                "type": "string",
                "enum": [
                    *("fits", "not_offered", "excluded", "too_large"),
                    *("does_not_combine", "cordoned", "full"),
                ],
            },
            "complete": {"type": "boolean"},
            "roots": _INTEGER,
            "summary": _TEXT,
            "anchor": _list_of(_STEP),
            "groups": _list_of(_GROUP),
            "combine": _list_of(closed({"rule": _TEXT, "roots": _INTEGER})),
            "nearest": _list_of(
                closed({"root": _TEXT, "name": _TEXT, "failed": _list_of(_FAILURE)})
            ),
            "relax": _list_of(
                closed(
                    {
                        "change": _list_of(_CHANGE),
                        "roots": _INTEGER,
                        "verified": {"type": "boolean"},
                    }
                )
            ),
        }
    )
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
