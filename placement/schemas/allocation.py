"""Schemas of allocations.

The schema of one consumer's allocations changes with the version. Three operations use
it: PUT for one consumer, POST for several, and the reshaper.
"""

from placement.schemas.common import (
    EXTERNAL_ID,
    GENERATION,
    RESOURCE_CLASS_PATTERN,
    UUID,
    UUID_PATTERN,
    Schema,
    closed,
    keyed,
)
from placement.schemas.validation import Schemas

_RESOURCES = keyed(
    RESOURCE_CLASS_PATTERN, {"type": "integer", "minimum": 1}, at_least=1
)

_OWNER = {"project_id": EXTERNAL_ID, "user_id": EXTERNAL_ID}

# The providers that serve each request group. It is not stored, so it needs no further
# checks.
_MAPPINGS: Schema = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {
        "[a-zA-Z0-9_-]{1,64}": {"type": "array", "minItems": 1, "items": UUID}
    },
}

# Of several errors the first one is reported.
_CONSUMER_TYPE: Schema = {"pattern": "^[A-Z0-9_]+$"} | EXTERNAL_ID


def _strangers_first(schema: Schema) -> Schema:
    """Move ``required`` to the end: of several errors the first one is reported."""
    required = {"required": schema["required"]}
    return {name: schema[name] for name in schema if name not in required} | required


def _listed() -> Schema:
    """Return the schema of allocations as a list, before 1.12."""
    provider = _strangers_first(closed({"uuid": UUID}))
    one = closed({"resource_provider": provider, "resources": _RESOURCES})
    return {"type": "array", "minItems": 1, "items": one}


def _by_provider(at_least: int) -> Schema:
    """Return the schema of allocations by provider uuid, since 1.12.

    The generation of the provider, which GET returns, is accepted and ignored.
    """
    one = closed(
        {"resources": _RESOURCES, "generation": GENERATION}, required=("resources",)
    )
    return keyed(UUID_PATTERN, one, at_least)


def _consumer_1_28() -> dict[str, Schema]:
    return {
        "allocations": _by_provider(at_least=0),
        **_OWNER,
        "consumer_generation": {"type": ["integer", "null"]},
    }


def _consumer_1_34() -> dict[str, Schema]:
    return _consumer_1_28() | {"mappings": _MAPPINGS}


def _consumer_1_38() -> dict[str, Schema]:
    return _consumer_1_34() | {"consumer_type": _CONSUMER_TYPE}


CONSUMER_1_12 = _strangers_first(
    closed({"allocations": _by_provider(at_least=1), **_OWNER})
)
CONSUMER_1_13 = _strangers_first(
    closed({"allocations": _by_provider(at_least=0), **_OWNER})
)
CONSUMER_1_28 = _strangers_first(closed(_consumer_1_28()))
CONSUMER_1_34 = _strangers_first(
    closed(_consumer_1_34(), required=tuple(_consumer_1_28()))
)
CONSUMER_1_38 = _strangers_first(
    closed(_consumer_1_38(), required=(*_consumer_1_28(), "consumer_type"))
)

REPLACE = Schemas(
    {
        (1, 0): closed({"allocations": _listed()}),
        (1, 8): closed({"allocations": _listed(), **_OWNER}),
        (1, 12): CONSUMER_1_12,
        (1, 28): CONSUMER_1_28,
        (1, 34): CONSUMER_1_34,
        (1, 38): CONSUMER_1_38,
    }
)

REPLACE_SEVERAL = Schemas(
    {
        since: keyed(UUID_PATTERN, consumer, at_least=1)
        for since, consumer in {
            (1, 13): CONSUMER_1_13,
            (1, 28): CONSUMER_1_28,
            (1, 34): CONSUMER_1_34,
            (1, 38): CONSUMER_1_38,
        }.items()
    }
)
