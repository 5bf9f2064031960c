"""Schemas of resource classes."""

from placement.schemas.common import closed
from placement.schemas.validation import Schemas

# Since 1.7 an update has no body; the name in its path is checked against this schema.
CREATE = Schemas(
    {
        (1, 2): closed(
            {
                "name": {
                    "type": "string",
                    "pattern": "^CUSTOM_[A-Z0-9_]+$",
                    "maxLength": 255,
                }
            }
        )
    }
)
