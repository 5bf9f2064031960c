"""Schemas of the search for allocation candidates.

They check the names of parameters and the form of numbers; the search parses the other
values.
"""

from placement.schemas.common import Schema, closed
from placement.schemas.validation import Schemas

_TEXT: Schema = {"type": "string"}
_LIMIT: Schema = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_GROUP_POLICY: Schema = {"type": "string", "enum": ["none", "isolate"]}

_NUMBERED = "[1-9][0-9]*"
_NAMED = "[a-zA-Z0-9_-]{1,64}"

_PARAMETERS_1_10 = {"resources": _TEXT}
_PARAMETERS_1_16 = _PARAMETERS_1_10 | {"limit": _LIMIT}
_PARAMETERS_1_17 = _PARAMETERS_1_16 | {"required": _TEXT}
_PARAMETERS_1_21 = _PARAMETERS_1_17 | {"member_of": _TEXT}

_OF_GROUPS_1_25 = ("resources", "required", "member_of")
_OF_GROUPS_1_31 = (*_OF_GROUPS_1_25, "in_tree")

_SHARED_1_25 = {"limit": _LIMIT, "group_policy": _GROUP_POLICY}
_SHARED_1_35 = _SHARED_1_25 | {"root_required": _TEXT}
_SHARED_1_36 = _SHARED_1_35 | {"same_subtree": _TEXT}


# The names of the newest version.
NEWEST_NAMES = (*_SHARED_1_36, *_OF_GROUPS_1_31)
NEWEST_PATTERNS = tuple(f"^{name}({_NAMED})?$" for name in _OF_GROUPS_1_31)


def _ungrouped(parameters: dict[str, Schema]) -> Schema:
    return closed(parameters, required=("resources",))


def _grouped(
    shared: dict[str, Schema], of_groups: tuple[str, ...], suffix: str
) -> Schema:
    patterns = {f"^{name}({suffix})?$": _TEXT for name in of_groups}
    return closed(shared, required=()) | {"patternProperties": patterns}


LIST_QUERY = Schemas(
    {
        (1, 10): _ungrouped(_PARAMETERS_1_10),
        (1, 16): _ungrouped(_PARAMETERS_1_16),
        (1, 17): _ungrouped(_PARAMETERS_1_17),
        (1, 21): _ungrouped(_PARAMETERS_1_21),
        (1, 25): _grouped(_SHARED_1_25, _OF_GROUPS_1_25, _NUMBERED),
        (1, 31): _grouped(_SHARED_1_25, _OF_GROUPS_1_31, _NUMBERED),
        (1, 33): _grouped(_SHARED_1_25, _OF_GROUPS_1_31, _NAMED),
        (1, 35): _grouped(_SHARED_1_35, _OF_GROUPS_1_31, _NAMED),
        (1, 36): _grouped(_SHARED_1_36, _OF_GROUPS_1_31, _NAMED),
    }
)
