"""Schemas of ``/-/v1/claims`` and ``/-/v1/holds``."""

from placement.schemas.common import (
    EXTERNAL_ID,
    GENERATION,
    MAX_INT,
    QUERY,
    UUID,
    UUID_PATTERN,
    Schema,
    closed,
    keyed,
)
from placement.schemas.validation import Schemas

CLAIMS_MAX = 1000
SECONDS_MAX = 30 * 24 * 3600
POLICIES = ("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity")

_EXCLUDED_MAX = 10_000
_AGGREGATES_MAX = 1000
PREFERRED_MAX = 100
_WEIGHT_MAX = 1_000_000

# The header ``Idempotency-Key``.
KEY: Schema = {"type": "string", "minLength": 1, "maxLength": 255}

_TEXT: Schema = {"type": "string"}
_SECONDS: Schema = {"type": "integer", "minimum": 1, "maximum": SECONDS_MAX}

_CLAIM = closed(
    {
        "consumer_uuid": UUID,
        "project_id": EXTERNAL_ID,
        "user_id": EXTERNAL_ID,
        "consumer_type": {
            "type": ["string", "null"],
            "pattern": "^[A-Z0-9_]+$",
            "minLength": 1,
            "maxLength": 255,
        },
        "query": QUERY,
        "version": _TEXT,
    },
    required=("consumer_uuid", "project_id", "user_id", "query"),
)

_GROUP = closed(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "policy": {"type": "string", "enum": list(POLICIES)},
        "max_per_host": {"type": "integer", "minimum": 1, "maximum": MAX_INT},
        "over": {
            "type": "array",
            "items": UUID,
            "minItems": 1,
            "maxItems": _AGGREGATES_MAX,
        },
    },
    required=("name", "policy"),
)

BODY = Schemas(
    {
        (1, 0): closed(
            {
                "claims": {
                    "type": "array",
                    "items": _CLAIM,
                    "minItems": 1,
                    "maxItems": CLAIMS_MAX,
                },
                "order": {
                    "type": "string",
                    "pattern": "^(any|pack|spread|seed:[0-9]{1,18})$",
                },
                "prefer": keyed(
                    "^[A-Z0-9_]{1,255}$",
                    {
                        "type": "number",
                        "minimum": -_WEIGHT_MAX,
                        "maximum": _WEIGHT_MAX,
                    },
                ),
                "exclude": {
                    "type": "array",
                    "items": UUID,
                    "maxItems": _EXCLUDED_MAX,
                },
                "group": _GROUP | {"type": ["object", "null"]},
                "hold_seconds": _SECONDS | {"type": ["integer", "null"]},
            },
            required=("claims",),
        )
    },
    strict_uuids=True,
)

_ALLOCATIONS = keyed(
    UUID_PATTERN,
    closed(
        {
            "generation": GENERATION,
            "resources": keyed(".+", {"type": "integer", "minimum": 1}),
        }
    ),
)

RESPONSE = Schemas(
    {
        (1, 0): closed(
            {
                "claims": {
                    "type": "array",
                    "items": closed(
                        {
                            "consumer_uuid": UUID,
                            "allocations": _ALLOCATIONS,
                            "mappings": keyed(".*", {"type": "array", "items": UUID}),
                            "generation": GENERATION,
                        }
                    ),
                }
            }
        )
    }
)

EXTEND_BODY = Schemas({(1, 0): closed({"seconds": _SECONDS})})

_HOLD = closed({"consumer_uuid": UUID, "expires_at": _TEXT})
HOLD = Schemas({(1, 0): _HOLD})
HOLDS_QUERY = Schemas(
    {
        (1, 0): closed(
            {
                "page_size": {"type": "integer", "minimum": 1, "maximum": 10_000},
                "page_token": _TEXT,
            },
            required=(),
        )
    }
)
HOLDS = Schemas(
    {
        (1, 0): closed(
            {
                "holds": {"type": "array", "items": _HOLD},
                "next_page_token": {"type": ["string", "null"]},
            }
        )
    }
)
