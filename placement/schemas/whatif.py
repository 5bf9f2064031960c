"""Schemas of the body and the response of ``POST /-/v1/whatif``."""

from placement.schemas.common import UUID, UUID_PATTERN, Schema, closed, keyed
from placement.schemas.validation import Schemas

LOSE_MAX = 10_000
_PATTERNS_MAX = 100

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}

BODY = Schemas(
    {
        (1, 0): closed(
            {
                "lose": {
                    "type": "array",
                    "items": UUID,
                    "minItems": 1,
                    "maxItems": LOSE_MAX,
                },
                "any": {"type": "integer", "minimum": 1, "maximum": LOSE_MAX},
                "within": {"type": ["string", "null"], "format": "uuid"},
                "keep_traits": {
                    "type": "array",
                    "items": {
                        "type": "string",
                        # "*" and ".*" stand for any characters.
                        "pattern": r"^([A-Z0-9_]|\.?\*)+$",
                        "maxLength": 255,
                    },
                    "maxItems": _PATTERNS_MAX,
                },
            },
            required=(),
        )
    }
)

_RESOURCES = keyed(".+", {"type": "integer", "minimum": 1})
_ANSWER: Schema = {"type": "string", "enum": ["yes", "no", "unknown"]}
_SHORTAGE: Schema = {"resource_class": _TEXT, "needed": _COUNT, "free": _COUNT}

_MOVE = closed(
    {
        "consumer": _TEXT,
        "from": UUID,
        "from_name": _TEXT,
        "to": UUID,
        "to_name": _TEXT,
        "allocations": keyed(UUID_PATTERN, closed({"resources": _RESOURCES})),
    }
)
_UNPLACED = closed(
    {
        "consumer": _TEXT,
        "from": UUID,
        "from_name": _TEXT,
        "resources": _RESOURCES,
        "cause": {
            "type": "string",
            "enum": [
                *("not_offered", "excluded", "too_large", "full", "cordoned"),
                *("does_not_combine", "together", "no_plan"),
            ],
        },
    }
)
_LOSS = closed(
    {
        "root": UUID,
        "name": _TEXT,
        "consumers": _COUNT,
        "answer": _ANSWER,
        "unplaced": _COUNT,
        **_SHORTAGE,
    },
    required=("root", "name", "consumers", *_SHORTAGE),
)

RESPONSE = Schemas(
    {
        (1, 0): closed(
            {
                "answer": _ANSWER,
                "complete": {"type": "boolean"},
                "summary": _TEXT,
                "note": _TEXT,
                "consumers": _COUNT,
                "moves": {"type": "array", "items": _MOVE},
                "unplaced": {"type": "array", "items": _UNPLACED},
                "worst": {"type": "array", "items": _LOSS},
                "shortage": {"anyOf": [{"type": "null"}, closed(_SHORTAGE)]},
            }
        )
    }
)
