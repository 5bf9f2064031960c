"""Schemas of ``PATCH /-/v1/providers/{uuid}``; its response is the bulk read's."""

from placement.schemas.common import RESOURCE_CLASS_PATTERN, UUID, Schema, closed, keyed
from placement.schemas.inventory import OFFER
from placement.schemas.trait import TRAIT
from placement.schemas.validation import Schemas

# The most items of each list.
ITEMS_MAX = 10_000


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items, "maxItems": ITEMS_MAX}


TRAITS = _list_of(TRAIT)
AGGREGATES = _list_of(UUID)
_CLASS: Schema = {"type": "string", "pattern": RESOURCE_CLASS_PATTERN}


def _added_and_removed(items: Schema) -> Schema:
    return closed({"add": items, "remove": items}, required=())


PROPERTIES: Schema = {
    "traits": _added_and_removed(TRAITS),
    "aggregates": _added_and_removed(AGGREGATES),
    "inventories": closed(
        {
            "set": keyed(RESOURCE_CLASS_PATTERN, OFFER),
            "remove": _list_of(_CLASS),
        },
        required=(),
    ),
}

BODY = Schemas({(1, 0): closed(PROPERTIES, required=())})
