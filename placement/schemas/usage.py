"""Schemas of the usages of projects and users."""

from placement.schemas.common import EXTERNAL_ID, Schema, closed
from placement.schemas.validation import Schemas

# Of several errors the first one is reported.
_CONSUMER_TYPE: Schema = {"pattern": "^[A-Z0-9_]+$|^all|^unknown$"} | EXTERNAL_ID

_FILTERS_1_9 = {"project_id": EXTERNAL_ID, "user_id": EXTERNAL_ID}
_FILTERS_1_38 = _FILTERS_1_9 | {"consumer_type": _CONSUMER_TYPE}

TOTAL_QUERY = Schemas(
    {
        (1, 9): closed(_FILTERS_1_9, required=("project_id",)),
        (1, 38): closed(_FILTERS_1_38, required=("project_id",)),
    }
)
