"""Schemas of the response bodies.

The OpenAPI document shows them, and tests validate responses with them; the service
itself does not. Objects are closed, so that undocumented members fail the tests.
"""

import collections.abc
import typing

from placement.schemas import validation
from placement.schemas.common import Schema, closed, keyed
from placement.schemas.validation import Schemas

_Steps = dict[tuple[int, int], validation.Schema]

# Uuids, classes and traits are plain text, because a database may contain old forms.
_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_POSITIVE: Schema = {"type": "integer", "minimum": 1}
_GENERATION: Schema = {"type": "integer"}
_UUID_OR_NULL: Schema = {"type": ["string", "null"]}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _set_of(items: Schema) -> Schema:
    return _list_of(items) | {"uniqueItems": True}


def _by_name(values: Schema, at_least: int = 0) -> Schema:
    return keyed(".+", values, at_least)


def _each(
    make: collections.abc.Callable[[typing.Any], Schema], steps: _Steps
) -> Schemas:
    """Apply ``make`` to the schema of each version."""
    return Schemas({since: make(schema) for since, schema in steps.items()})


def _links(*relations: str) -> Schema:
    link = closed({"rel": {"enum": list(relations)}, "href": _TEXT})
    count = len(relations)
    return _set_of(link) | {"minItems": count, "maxItems": count}


# The version document.

VERSIONS = Schemas(
    {
        (1, 0): closed(
            {
                "versions": _list_of(
                    closed(
                        {
                            "id": _TEXT,
                            "min_version": _TEXT,
                            "max_version": _TEXT,
                            "status": _TEXT,
                            "links": _links("self"),
                        }
                    )
                )
            }
        )
    }
)

# Resource providers.


def _provider(*relations: str, with_tree: bool = False) -> Schema:
    properties: Schema = {
        "uuid": _TEXT,
        "name": _TEXT,
        "generation": _GENERATION,
        "links": _links("self", *relations),
    }
    if with_tree:
        properties["parent_provider_uuid"] = _UUID_OR_NULL
        properties["root_provider_uuid"] = _TEXT
    return closed(properties)


_LINKED_1_0 = ("inventories", "usages")
_LINKED_1_1 = (*_LINKED_1_0, "aggregates")
_LINKED_1_6 = (*_LINKED_1_1, "traits")
_LINKED_1_11 = (*_LINKED_1_6, "allocations")

_PROVIDER: _Steps = {
    (1, 0): _provider(*_LINKED_1_0),
    (1, 1): _provider(*_LINKED_1_1),
    (1, 6): _provider(*_LINKED_1_6),
    (1, 11): _provider(*_LINKED_1_11),
    (1, 14): _provider(*_LINKED_1_11, with_tree=True),
}

PROVIDER = Schemas(_PROVIDER)
PROVIDERS = _each(
    lambda provider: closed({"resource_providers": _list_of(provider)}), _PROVIDER
)

# Inventories.

_RECORD = {
    "total": _POSITIVE,
    "reserved": _COUNT,
    "min_unit": _POSITIVE,
    "max_unit": _POSITIVE,
    "step_size": _POSITIVE,
    "allocation_ratio": {"type": "number"},
}

INVENTORY = Schemas(
    {(1, 0): closed(_RECORD | {"resource_provider_generation": _GENERATION})}
)
INVENTORIES = Schemas(
    {
        (1, 0): closed(
            {
                "resource_provider_generation": _GENERATION,
                "inventories": _by_name(closed(_RECORD)),
            }
        )
    }
)

# Aggregates, and traits.

AGGREGATES = Schemas(
    {
        (1, 1): closed({"aggregates": _set_of(_TEXT)}),
        (1, 19): closed(
            {
                "aggregates": _set_of(_TEXT),
                "resource_provider_generation": _GENERATION,
            }
        ),
    }
)
TRAITS = Schemas({(1, 6): closed({"traits": _set_of(_TEXT)})})
PROVIDER_TRAITS = Schemas(
    {
        (1, 6): closed(
            {"traits": _set_of(_TEXT), "resource_provider_generation": _GENERATION}
        )
    }
)

# Resource classes.

_CLASS = closed({"name": _TEXT, "links": _links("self")})

RESOURCE_CLASS = Schemas({(1, 2): _CLASS})
RESOURCE_CLASSES = Schemas({(1, 2): closed({"resource_classes": _list_of(_CLASS)})})

# Usages.

PROVIDER_USAGES = Schemas(
    {
        (1, 0): closed(
            {"resource_provider_generation": _GENERATION, "usages": _by_name(_COUNT)}
        )
    }
)
_BY_TYPE: Schema = {
    "type": "object",
    "properties": {"consumer_count": _POSITIVE},
    "required": ["consumer_count"],
    "additionalProperties": _COUNT,
}
USAGES = Schemas(
    {
        (1, 9): closed({"usages": _by_name(_POSITIVE)}),
        (1, 38): closed({"usages": _by_name(_BY_TYPE)}),
    }
)

# Allocations.

_RESOURCES = _by_name(_POSITIVE, at_least=1)
_HELD = _by_name(closed({"generation": _GENERATION, "resources": _RESOURCES}))


def _holdings(**about_consumer: Schema) -> Schema:
    """Return the schema of a consumer; without allocations it has no other members."""
    return closed({"allocations": _HELD, **about_consumer}, required=("allocations",))


_OWNER = {"project_id": _TEXT, "user_id": _TEXT}

ALLOCATIONS = Schemas(
    {
        (1, 0): _holdings(),
        (1, 12): _holdings(**_OWNER),
        (1, 28): _holdings(**_OWNER, consumer_generation=_GENERATION),
        (1, 38): _holdings(
            **_OWNER, consumer_generation=_GENERATION, consumer_type=_TEXT
        ),
    }
)
PROVIDER_ALLOCATIONS = _each(
    lambda held: closed(
        {"resource_provider_generation": _GENERATION, "allocations": _by_name(held)}
    ),
    {
        (1, 0): closed({"resources": _RESOURCES}),
        (1, 28): closed({"resources": _RESOURCES, "consumer_generation": _GENERATION}),
    },
)

# Allocation candidates.

_LISTED_ALLOCATIONS = _list_of(
    closed({"resource_provider": closed({"uuid": _TEXT}), "resources": _RESOURCES})
)
_ALLOCATIONS = _by_name(closed({"resources": _RESOURCES}), at_least=1)
# The name of the unsuffixed group is the empty string.
_MAPPINGS: Schema = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": _set_of(_TEXT) | {"minItems": 1},
}
_OFFER = closed({"capacity": {"type": "integer"}, "used": _COUNT})
_SUMMARY_1_10 = {"resources": _by_name(_OFFER)}
_SUMMARY_1_17 = _SUMMARY_1_10 | {"traits": _set_of(_TEXT)}
_SUMMARY_1_29 = _SUMMARY_1_17 | {
    "parent_provider_uuid": _UUID_OR_NULL,
    "root_provider_uuid": _TEXT,
}


def _candidates(request: Schema, summary: Schema) -> Schema:
    return closed(
        {
            "allocation_requests": _list_of(closed(request)),
            "provider_summaries": _by_name(closed(summary)),
        }
    )


_REQUEST_1_12 = {"allocations": _ALLOCATIONS}

CANDIDATES = Schemas(
    {
        (1, 10): _candidates({"allocations": _LISTED_ALLOCATIONS}, _SUMMARY_1_10),
        (1, 12): _candidates(_REQUEST_1_12, _SUMMARY_1_10),
        (1, 17): _candidates(_REQUEST_1_12, _SUMMARY_1_17),
        (1, 29): _candidates(_REQUEST_1_12, _SUMMARY_1_29),
        (1, 34): _candidates(_REQUEST_1_12 | {"mappings": _MAPPINGS}, _SUMMARY_1_29),
    }
)

# Failures.

_ERROR = {
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "title": _TEXT,
    "detail": _TEXT,
    "request_id": _TEXT,
}


def _errors(required: tuple[str, ...], **more: Schema) -> Schema:
    one = closed(_ERROR | more, required=(*_ERROR, *required))
    return closed({"errors": _list_of(one) | {"minItems": 1, "maxItems": 1}})


# Failures before the version is determined have no code.
ERRORS = Schemas({(1, 0): _errors(()), (1, 23): _errors((), code=_TEXT)})
# Only errors about a consumer without a candidate have the cause and the explanation,
# and only errors about consumers to release list them.
EXTENSION_CONFLICT = Schemas(
    {
        (1, 0): _errors(
            (),
            code=_TEXT,
            cause=_TEXT,
            explain={"type": "object"},
            consumers={"type": "array", "items": {"type": "object"}},
        )
    }
)
# Only errors about the version list the supported versions.
NOT_ACCEPTABLE = Schemas(
    {
        (1, 0): _errors((), min_version=_TEXT, max_version=_TEXT),
        (1, 23): _errors((), code=_TEXT, min_version=_TEXT, max_version=_TEXT),
    }
)
UNAUTHORIZED = Schemas(
    {
        (1, 0): {
            "oneOf": [
                closed({"message": _TEXT, "code": _TEXT, "title": _TEXT}),
                closed(
                    {
                        "error": closed(
                            {
                                "code": {"type": "integer"},
                                "title": _TEXT,
                                "message": _TEXT,
                            }
                        )
                    }
                ),
            ]
        }
    }
)
