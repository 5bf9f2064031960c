"""Schemas of ``/-/v1/consumers``."""

import typing

from placement.schemas.common import (
    EXTERNAL_ID,
    GENERATION,
    MAX_INT,
    RESOURCE_CLASS_PATTERN,
    TIME,
    UUID,
    Schema,
    closed,
    keyed,
    one_or_many,
)
from placement.schemas.validation import Schemas

PAGE_SIZE = 1000
_PAGE_SIZE: Schema = {"type": "integer", "minimum": 1, "maximum": 10_000}

# The most uuids of a query, of an audit, and of a release.
UUIDS_MAX = 10_000
LIVE_MAX = 1_000_000
RELEASE_MAX = 1000

_SECONDS_MAX = 100 * 365 * 24 * 3600
OLDER_THAN_SECONDS = 3600

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_INTEGER: Schema = {"type": "integer"}
_PROVIDER: Schema = {"type": "string", "minLength": 1, "maxLength": 200}

FILTERS: Schema = {
    "project_id": EXTERNAL_ID,
    "user_id": EXTERNAL_ID,
    "consumer_type": EXTERNAL_ID,
    "provider": _PROVIDER,
    "in_tree": _PROVIDER,
    "resource_class": EXTERNAL_ID | {"pattern": RESOURCE_CLASS_PATTERN},
    "created_before": TIME,
    "updated_before": TIME,
}
_OLDER_THAN_SECONDS: Schema = {
    "type": "integer",
    "minimum": 0,
    "maximum": _SECONDS_MAX,
}


def _one(schema: typing.Any) -> Schemas:
    """Return the schema of what has no versions."""
    return Schemas({(1, 0): schema})


def _optional(properties: Schema) -> Schemas:
    return _one(closed(properties, required=()))


def _list_of(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


QUERY = _optional({**FILTERS, "page_size": _PAGE_SIZE, "page_token": _TEXT})
QUERY_BODY = _optional(
    {
        "uuid": one_or_many(UUID, UUIDS_MAX),
        **FILTERS,
        "page_size": _PAGE_SIZE,
        "page_token": _TEXT_OR_NULL,
    }
)
AUDIT_QUERY = _optional({**FILTERS, "older_than_seconds": _OLDER_THAN_SECONDS})
AUDIT_BODY = _one(
    closed(
        {
            "live": _list_of(UUID, LIVE_MAX),
            "within": closed(FILTERS, required=()),
            "older_than_seconds": _OLDER_THAN_SECONDS,
        },
        required=("live",),
    )
)
RELEASE_BODY = _one(
    closed(
        {
            "consumers": _list_of(
                closed(
                    {
                        "uuid": UUID,
                        "generation": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": MAX_INT,
                        },
                    }
                ),
                RELEASE_MAX,
            )
            | {"minItems": 1},
            "reason": {"type": "string", "maxLength": 1000},
            "validate_only": {"type": "boolean"},
        },
        required=("consumers",),
    )
)
RELEASES_QUERY = _optional({"uuid": UUID, "page_size": _PAGE_SIZE, "page_token": _TEXT})

_RESOURCES = keyed(".+", _INTEGER)
_CONSUMER = closed(
    {
        "uuid": _TEXT,
        "project_id": _TEXT_OR_NULL,
        "user_id": _TEXT_OR_NULL,
        "consumer_type": _TEXT,
        "generation": GENERATION,
        "created_at": _TEXT_OR_NULL,
        "updated_at": _TEXT_OR_NULL,
        "allocations": keyed(
            ".+", closed({"name": _TEXT_OR_NULL, "resources": _RESOURCES})
        ),
        "hold": _TEXT_OR_NULL,
    }
)
_CONSUMERS: Schema = {"type": "array", "items": _CONSUMER}

CONSUMERS = _one(closed({"consumers": _CONSUMERS, "next_page_token": _TEXT_OR_NULL}))
AUDIT = _one(
    closed(
        {
            "orphans": _CONSUMERS,
            "without_allocations": {"type": "array", "items": _TEXT},
            "counts": closed(
                dict.fromkeys(
                    ("live", "consumers", "orphans", "without_allocations"), _INTEGER
                )
            ),
        }
    )
)
RELEASED = _one(closed({"released": _CONSUMERS, "validate_only": {"type": "boolean"}}))
RELEASES = _one(
    closed(
        {
            "releases": {
                "type": "array",
                "items": closed(
                    {
                        "consumer_uuid": _TEXT,
                        "released_at": _TEXT,
                        "reason": _TEXT,
                        "project_id": _TEXT_OR_NULL,
                        "user_id": _TEXT_OR_NULL,
                        "restore": closed(
                            {"version": _TEXT, "body": {"type": "object"}}
                        ),
                    }
                ),
            },
            "next_page_token": _TEXT_OR_NULL,
        }
    )
)
