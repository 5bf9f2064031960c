"""Schemas of the query and the response of ``GET /-/v1/changes``."""

from placement.schemas.common import Schema, closed
from placement.schemas.validation import Schemas

# The longest time that a request waits for changes.
WAIT_SECONDS_MAX = 60

# Of a number in the query.
DIGITS_MAX = 18

# The value of ``after`` that begins after all changes so far.
NOW = "now"

_TEXT: Schema = {"type": "string"}
_POSITION: Schema = {"type": "integer", "minimum": 0}
_GENERATION: Schema = {"type": ["integer", "null"]}

QUERY = Schemas(
    {
        (1, 0): closed(
            {
                "after": {"type": "string", "pattern": "^([0-9]+|now)$"},
                "wait": {"type": "string", "pattern": "^[0-9]+$"},
                "kinds": _TEXT,
            },
            required=(),
        )
    }
)

_CHANGE = closed(
    {
        "position": _POSITION,
        "kind": _TEXT,
        "provider": _TEXT,
        "consumer": _TEXT,
        "generation": _GENERATION,
    },
    required=("position", "kind", "generation"),
)

RESPONSE = Schemas(
    {
        (1, 0): closed(
            {"changes": {"type": "array", "items": _CHANGE}, "position": _POSITION}
        )
    }
)
