"""Schemas of the limits of projects."""

from placement.schemas.common import RESOURCE_CLASS_PATTERN, Schema, closed
from placement.schemas.validation import Schemas

# Programs that read numbers of JSON as doubles read no greater one exactly.
UNITS_MAX = 2**53 - 1
PAGE_SIZE = 1000

# Limits of one project.
LIMITS_MAX = 1000

_TEXT: Schema = {"type": "string"}
_UNITS: Schema = {"type": "integer", "minimum": 0, "maximum": UNITS_MAX}


def _by_name(units: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"consumers": units},
        "patternProperties": {RESOURCE_CLASS_PATTERN: units},
        "additionalProperties": False,
    }


BODY = Schemas({(1, 0): _by_name(_UNITS)})

LIST_QUERY = Schemas(
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

_NUMBERS = _by_name({"type": "integer"})

ONE = Schemas(
    {
        (1, 0): closed(
            {
                "project_id": _TEXT,
                "limits": _NUMBERS,
                "defaults": _NUMBERS,
                "usages": _NUMBERS,
            }
        )
    }
)
LIST = Schemas(
    {
        (1, 0): closed(
            {
                "limits": {
                    "type": "array",
                    "items": closed(
                        {"project_id": _TEXT, "limits": _NUMBERS, "usages": _NUMBERS}
                    ),
                },
                "next_page_token": {"type": ["string", "null"]},
            }
        )
    }
)
