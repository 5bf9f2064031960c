"""Schemas of the aggregates of a resource provider."""

from placement.schemas.common import GENERATION, UUID, Schema, closed
from placement.schemas.validation import Schemas

_AGGREGATES: Schema = {"type": "array", "items": UUID, "uniqueItems": True}

REPLACE = Schemas(
    {
        (1, 1): _AGGREGATES,
        (1, 19): closed(
            {"aggregates": _AGGREGATES, "resource_provider_generation": GENERATION}
        ),
    }
)
