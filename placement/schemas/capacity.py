"""Schemas of the body and the response of ``POST /-/v1/capacity``."""

from placement.schemas.common import QUERY, UUID, Schema, closed, keyed
from placement.schemas.validation import Schemas

REQUESTS_MAX = 100
HOSTS_MAX = 1000

_WITHOUT_MAX = 10_000
_BY_MAX = 50

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}

_REQUEST = closed(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "query": QUERY,
        "version": _TEXT,
    },
    required=("name", "query"),
)

BODY = Schemas(
    {
        (1, 0): closed(
            {
                "requests": {
                    "type": "array",
                    "items": _REQUEST,
                    "minItems": 1,
                    "maxItems": REQUESTS_MAX,
                },
                "by": {
                    "type": "array",
                    "items": {
                        "type": "string",
                        "pattern": "^(aggregate|trait:[A-Z0-9_]{1,255})$",
                    },
                    "maxItems": _BY_MAX,
                    "uniqueItems": True,
                },
                "state": {"type": "string", "enum": ["now", "empty"]},
                "without": {
                    "type": "array",
                    "items": UUID,
                    "maxItems": _WITHOUT_MAX,
                },
                "hosts": {"type": "integer", "minimum": 0, "maximum": HOSTS_MAX},
            },
            required=("requests",),
        )
    }
)

_BOUNDS: Schema = {"at_least": _COUNT, "at_most": _COUNT, "exact": {"type": "boolean"}}
_BY_CLASS = keyed(".+", _COUNT)

_RESULT = closed(
    {
        "name": _TEXT,
        **_BOUNDS,
        "complete": {"type": "boolean"},
        "roots": closed({"eligible": _COUNT, "fitting": _COUNT, "empty": _COUNT}),
        "when_empty": closed(_BOUNDS),
        "bottleneck": _BY_CLASS,
        "stranded": keyed(
            ".+",
            closed(
                {
                    "units": _COUNT,
                    "share": {"type": "number", "minimum": 0, "maximum": 1},
                }
            ),
        ),
        "largest": _BY_CLASS,
        "by": {
            "type": "object",
            "properties": {"aggregate": keyed(".+", closed(_BOUNDS))},
            "patternProperties": {
                "^trait:": closed({"with": closed(_BOUNDS), "without": closed(_BOUNDS)})
            },
            "additionalProperties": False,
        },
        "hosts": {
            "type": "array",
            "items": closed({"root": _TEXT, "name": _TEXT, "count": _COUNT}),
        },
    },
    required=(
        *("name", "at_least", "at_most", "exact", "complete", "roots", "when_empty"),
        *("bottleneck", "stranded", "largest"),
    ),
)

RESPONSE = Schemas({(1, 0): closed({"results": {"type": "array", "items": _RESULT}})})
