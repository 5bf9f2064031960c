"""Which needs few providers meet, as counted by earlier searches.

These are hints for the order in which a search reads trees. They change its cost and
not its result, so they may be out of date.
"""

import time

from placement.candidates.lru import LRUCache
from placement.candidates.sql.statements import Need, NeedKind

_NEEDS_MAX = 2000
_SECONDS_MAX = 60.0
# Needs with more ids are not kept, so that a key has a bounded size.
_IDS_MAX = 8


class NeedStats:
    """A cache, for a minute, of which needs are common and which are rare."""

    def __init__(self) -> None:
        self._rare: LRUCache[Need, tuple[bool, float]] = LRUCache(
            _NEEDS_MAX, lambda kept: 1
        )
        # By resource class, the largest amount that is commonly available.
        self._common_amounts: dict[int, tuple[int, float]] = {}

    def is_rare(self, need: Need) -> bool | None:
        """Say whether few providers meet ``need``; None: not known."""
        now = time.monotonic()
        kept = self._rare.find(need)
        if kept is not None and now - kept[1] < _SECONDS_MAX:
            return kept[0]
        if need.kind is NeedKind.ROOM:
            class_id, amount = need.ids
            common, since = self._common_amounts.get(class_id, (0, 0.0))
            if amount <= common and now - since < _SECONDS_MAX:
                return False
        return None

    def note(self, need: Need, is_rare: bool) -> None:
        """Cache whether ``need`` is rare."""
        now = time.monotonic()
        if len(need.ids) <= _IDS_MAX:
            self._rare.add(need, (is_rare, now))
        if need.kind is NeedKind.ROOM and not is_rare:
            class_id, amount = need.ids
            common, since = self._common_amounts.get(class_id, (0, 0.0))
            if amount >= common or now - since > _SECONDS_MAX:
                self._common_amounts[class_id] = (amount, now)
