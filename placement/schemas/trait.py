"""Schemas of traits, and of the traits of a resource provider."""

from placement.schemas.common import GENERATION, Schema, closed
from placement.schemas.validation import Schemas

TRAIT: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_TRAITS: Schema = {"type": "array", "items": TRAIT}

# The handler checks the values, because its messages differ from those of a schema.
LIST_QUERY = Schemas(
    {
        (1, 6): closed(
            {"name": {"type": "string"}, "associated": {"type": "string"}}, required=()
        )
    }
)

REPLACE = Schemas(
    {(1, 6): closed({"traits": _TRAITS, "resource_provider_generation": GENERATION})}
)
