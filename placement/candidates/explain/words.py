"""Names and uuids of a request for the ids of its plan."""

from placement.candidates.explain.states import Step
from placement.candidates.explain.survey import Survey
from placement.candidates.model import SearchRequest
from placement.candidates.query.plan import Slot
from placement.candidates.query.resolve import Ids


class Words:
    """What a request calls the parts of its plan."""

    def __init__(self, request: SearchRequest, ids: Ids, survey: Survey) -> None:
        self._request = request
        self._groups = {group.suffix: group for group in request.groups}
        self._classes = {id_: name for name, id_ in ids.resource_classes.items()}
        self._survey = survey

    def resource_class(self, class_id: int | None) -> str | None:
        return None if class_id is None else self._classes[class_id]

    def amounts(self, slot: Slot) -> dict[str, int]:
        return {self._classes[class_id]: amount for class_id, amount in slot.amounts}

    def anchor_value(self, name: str) -> list[str]:
        request = self._request
        is_required = name == "root_required"
        return sorted(request.root_required if is_required else request.root_forbidden)

    def value(self, slot: Slot, step: Step) -> list[str]:
        """Return the names or uuids that a step, not of an amount, is about."""
        group = self._groups[slot.group.suffix]
        match step.condition.name:
            case "in_tree":
                return [group.in_tree or ""]
            case "not_member_of":
                return sorted(group.not_member_of)
            case "member_of":
                return sorted(group.member_of[step.number])
            case "forbidden":
                return sorted(group.forbidden)
            case "state":
                return ["in_service"]
            case _:
                return sorted(group.required[step.number])

    def slot(self, slot: Slot) -> str:
        """Return the amounts of a slot, and its suffix, for a sentence."""
        amounts = ",".join(f"{name}:{n}" for name, n in self.amounts(slot).items())
        suffix = slot.group.suffix
        if not suffix:
            return amounts
        return f"{amounts or 'the group'} of {suffix}"
