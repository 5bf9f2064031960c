"""Parts that several schemas use."""

import typing

Schema = dict[str, typing.Any]

MAX_INT = 2147483647

UUID_PATTERN = "^[0-9a-fA-F-]{36}$"
RESOURCE_CLASS_PATTERN = "^[A-Z0-9_]+$"

UUID: Schema = {"type": "string", "format": "uuid"}
GENERATION: Schema = {"type": "integer"}
# The id of a project or a user, and the text of a consumer type.
EXTERNAL_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 255}

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Go writes nine digits of a second; those after the sixth are dropped.
_TIME_OF_DAY = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
_ZONE = "([Zz]|[+-][0-9]{2}:[0-9]{2})"
# A time of RFC 3339.
TIME: Schema = {
    "type": "string",
    "maxLength": 40,
    "pattern": f"^{_DATE}[Tt]{_TIME_OF_DAY}{_ZONE}$",
}

# The query string of a search; as long as a request line of the API can be.
QUERY: Schema = {"type": "string", "maxLength": 65_536}


def closed(properties: Schema, required: tuple[str, ...] | None = None) -> Schema:
    """Return the schema of an object with these properties and no others.

    ``required`` lists the required properties; None: all of them.
    """
    names = list(properties) if required is None else list(required)
    schema: Schema = {"type": "object", "properties": properties}
    if names:
        schema["required"] = names
    return schema | {"additionalProperties": False}


def keyed(pattern: str, values: Schema, at_least: int = 0) -> Schema:
    """Return the schema of an object with keys that match ``pattern``."""
    return {
        "type": "object",
        "minProperties": at_least,
        "patternProperties": {pattern: values},
        "additionalProperties": False,
    }


def one_or_many(one: Schema, items_max: int) -> Schema:
    """Return the schema of a string, or of a list of at most ``items_max`` of them."""
    return one | {"type": ["string", "array"], "items": one, "maxItems": items_max}
