"""Schemas of inventories."""

from placement.schemas.common import (
    GENERATION,
    MAX_INT,
    RESOURCE_CLASS_PATTERN,
    Schema,
    closed,
    keyed,
)
from placement.schemas.validation import Schemas

_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_INT}

_OFFER = {
    "total": _COUNT,
    "reserved": {"type": "integer", "minimum": 0, "maximum": MAX_INT},
    "min_unit": _COUNT,
    "max_unit": _COUNT,
    "step_size": _COUNT,
    # The largest single-precision number: some databases store it as that.
    "allocation_ratio": {"type": "number", "minimum": 0, "maximum": 3.40282e38},
}
_RECORD = {"resource_provider_generation": GENERATION, **_OFFER}

# One inventory as clients set it, without a generation.
OFFER: Schema = closed(_OFFER, required=("total",))
# The same as it is shown.
SHOWN_OFFER: Schema = closed(
    {**_OFFER, "capacity": {"type": "integer"}, "used": {"type": "integer"}},
    required=("total",),
)

INVENTORIES: Schema = keyed(
    RESOURCE_CLASS_PATTERN, closed(_RECORD, required=("total",))
)
REPLACEMENT: Schema = closed(
    {"resource_provider_generation": GENERATION, "inventories": INVENTORIES}
)

CREATE = Schemas(
    {
        (1, 0): closed(
            {
                "resource_class": {"type": "string", "pattern": RESOURCE_CLASS_PATTERN},
                **_RECORD,
            },
            required=("total", "resource_class"),
        )
    }
)

REPLACE_ALL = Schemas({(1, 0): REPLACEMENT})

REPLACE_ONE = Schemas(
    {(1, 0): closed(_RECORD, required=("total", "resource_provider_generation"))}
)
