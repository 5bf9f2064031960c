"""Schemas of resource providers."""

from placement.schemas.common import UUID, Schema, closed
from placement.schemas.validation import Schemas

NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_PARENT: Schema = {"anyOf": [UUID, {"type": "null"}]}
_TEXT: Schema = {"type": "string"}

_FILTERS_1_0 = {"name": _TEXT, "uuid": UUID}
_FILTERS_1_3 = _FILTERS_1_0 | {"member_of": _TEXT}
_FILTERS_1_4 = _FILTERS_1_3 | {"resources": _TEXT}
_FILTERS_1_14 = _FILTERS_1_4 | {"in_tree": UUID}
# Filters of the newest version.
LIST_FILTERS = _FILTERS_1_14 | {"required": _TEXT}

CREATE = Schemas(
    {
        (1, 0): closed({"name": NAME, "uuid": UUID}, required=("name",)),
        (1, 14): closed(
            {"name": NAME, "uuid": UUID, "parent_provider_uuid": _PARENT},
            required=("name",),
        ),
    }
)

UPDATE = Schemas(
    {
        (1, 0): closed({"name": NAME}),
        (1, 14): closed(
            {"name": NAME, "parent_provider_uuid": _PARENT}, required=("name",)
        ),
    }
)

LIST_QUERY = Schemas(
    {
        (1, 0): closed(_FILTERS_1_0, required=()),
        (1, 3): closed(_FILTERS_1_3, required=()),
        (1, 4): closed(_FILTERS_1_4, required=()),
        (1, 14): closed(_FILTERS_1_14, required=()),
        (1, 18): closed(LIST_FILTERS, required=()),
    },
    strict_uuids=True,
)
