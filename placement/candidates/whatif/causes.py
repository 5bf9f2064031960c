"""Why there is no place for a consumer."""

import collections.abc

from placement.candidates.capacity.limits import Deadline
from placement.candidates.model import ProviderSnapshot, Tree
from placement.candidates.whatif import fit
from placement.candidates.whatif.model import Cause, Part, Shape

# In the order of the conditions on a provider: one that has room may be cordoned.
_OF_PROVIDER = (
    Cause.NOT_OFFERED,
    Cause.EXCLUDED,
    Cause.TOO_LARGE,
    Cause.FULL,
    Cause.CORDONED,
)


class Causes:
    """Finds causes in the trees that are left.

    ``trees`` are all of them, ``target_ids`` the roots that consumers may go to.
    """

    def __init__(
        self,
        trees: collections.abc.Iterable[Tree],
        target_ids: collections.abc.Container[int],
        deadline: Deadline,
    ) -> None:
        self._trees = list(trees)
        self._target_ids = target_ids
        self._deadline = deadline
        self._found: dict[Shape, Cause | None] = {}

    def find(self, shape: Shape) -> Cause | None:
        """Return why a shape fits in no tree; None: it does, if nothing else moves.

        Raises TimeIsUpError.
        """
        if shape not in self._found:
            self._found[shape] = self._find(shape)
        return self._found[shape]

    def _find(self, shape: Shape) -> Cause | None:
        causes = [self._of_part(part, shape.may_merge) for part in shape.parts]
        found = [cause for cause in causes if cause is not None]
        if found:
            return min(found, key=_OF_PROVIDER.index)
        for tree in self._trees:
            if tree.root.id in self._target_ids and fit.fits(
                shape, tree, self._deadline.tick
            ):
                return None
        return Cause.DOES_NOT_COMBINE

    def _of_part(self, part: Part, may_merge: bool) -> Cause | None:
        cause = Cause.NOT_OFFERED
        for tree in self._trees:
            is_target = tree.root.id in self._target_ids
            for provider in tree.providers:
                self._deadline.tick()
                one = _cause_at(part, provider, is_target, may_merge)
                if one is None:
                    return None
                cause = max(cause, one, key=_OF_PROVIDER.index)
        return cause


def _cause_at(
    part: Part, provider: ProviderSnapshot, is_target: bool, may_merge: bool
) -> Cause | None:
    """Return the first condition that a provider fails."""
    offers = provider.offers
    if any(class_id not in offers for class_id, _ in part.amounts):
        return Cause.NOT_OFFERED
    if not is_target or provider.traits & part.traits != part.traits:
        return Cause.EXCLUDED
    for class_id, amount in part.amounts:
        refusal = offers[class_id].refuses_size(amount)
        if may_merge and refusal in ("min_unit", "step_size"):
            refusal = None
        if refusal is not None or amount > offers[class_id].capacity:
            return Cause.TOO_LARGE
    if not all(offers[class_id].has_room(amount) for class_id, amount in part.amounts):
        return Cause.FULL
    return None if provider.is_in_service else Cause.CORDONED
