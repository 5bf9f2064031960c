"""Schemas of the body and the response of ``PUT /-/v1/providers/{uuid}/state``."""

from placement.schemas.common import TIME, Schema, closed
from placement.schemas.validation import Schemas

STATES = ("in_service", "cordoned", "quarantined")

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}

BODY = Schemas(
    {
        (1, 0): closed(
            {
                "state": {"type": "string", "enum": list(STATES)},
                "subtree": {"type": "boolean"},
                "reason": {"type": ["string", "null"], "maxLength": 1000},
                "until": TIME | {"type": ["string", "null"]},
            },
            required=("state",),
        )
    }
)
RESPONSE = Schemas(
    {
        (1, 0): closed(
            {
                "uuid": _TEXT,
                "name": _TEXT,
                "state": {"type": "string", "enum": list(STATES)},
                "reason": _TEXT,
                "until": _TEXT_OR_NULL,
                "set_at": _TEXT_OR_NULL,
                "project_id": _TEXT_OR_NULL,
                "user_id": _TEXT_OR_NULL,
            }
        )
    }
)
