"""Schemas of ``PUT /-/v1/trees/{root}``."""

import typing

from placement.schemas.common import (
    GENERATION,
    RESOURCE_CLASS_PATTERN,
    UUID,
    Schema,
    closed,
    keyed,
)
from placement.schemas.inventory import SHOWN_OFFER
from placement.schemas.provider_delta import AGGREGATES, TRAITS
from placement.schemas.provider_state import STATES
from placement.schemas.resource_provider import NAME
from placement.schemas.validation import Schemas

# The most providers of a tree in one body.
PROVIDERS_MAX = 1000

_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_UUID_OR_NULL: Schema = UUID | {"type": ["string", "null"]}

# As in the bulk read, whose other members are ignored.
_PROVIDER = closed(
    {
        "uuid": UUID,
        "name": NAME,
        "parent_provider_uuid": _UUID_OR_NULL,
        "inventories": keyed(RESOURCE_CLASS_PATTERN, SHOWN_OFFER),
        "traits": TRAITS,
        "aggregates": AGGREGATES,
        "generation": GENERATION,
        "root_provider_uuid": _UUID_OR_NULL,
        "state": {"type": "string", "enum": list(STATES)},
        "allocations": {"type": "object"},
    },
    required=("uuid", "name"),
)
BODY = Schemas(
    {
        (1, 0): closed(
            {
                "providers": {
                    "type": "array",
                    "items": _PROVIDER,
                    "minItems": 1,
                    "maxItems": PROVIDERS_MAX,
                },
                "validate_only": {"type": "boolean"},
                "prune": {"type": "boolean"},
                "check_generations": {"type": "boolean"},
            },
            required=("providers",),
        )
    }
)


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_NAMES = _list_of(_TEXT)
_OFFERS = keyed(
    ".+",
    closed(
        {
            "total": _INTEGER,
            "reserved": _INTEGER,
            "min_unit": _INTEGER,
            "max_unit": _INTEGER,
            "step_size": _INTEGER,
            "allocation_ratio": {"type": "number"},
        }
    ),
)
_PLACE: dict[str, typing.Any] = {
    "uuid": _TEXT,
    "name": _TEXT,
    "parent_provider_uuid": _TEXT_OR_NULL,
}
_REPLACED = closed({"from": _TEXT_OR_NULL, "to": _TEXT_OR_NULL})
_CHANGED_NAMES = closed({"add": _NAMES, "remove": _NAMES})
_CHANGES = closed(
    {
        "name": _REPLACED,
        "parent_provider_uuid": _REPLACED,
        "inventories": closed({"set": _OFFERS, "remove": _NAMES}),
        "traits": _CHANGED_NAMES,
        "aggregates": _CHANGED_NAMES,
    },
    required=(),
)
DIFFERENCE = Schemas(
    {
        (1, 0): closed(
            {
                "create": _list_of(
                    closed(
                        {
                            **_PLACE,
                            "inventories": _OFFERS,
                            "traits": _NAMES,
                            "aggregates": _NAMES,
                        }
                    )
                ),
                "update": _list_of(closed({"uuid": _TEXT, "changes": _CHANGES})),
                "delete": _list_of(closed(_PLACE)),
            }
        )
    }
)
