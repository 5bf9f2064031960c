"""Sets of traits as integers."""

import collections.abc
import itertools

# The number of different trait lists whose JSON is shared.
_LISTS_MAX = 1000


class TraitBits:
    """Assigns a bit to every trait, so that a set of traits is one integer."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}
        self._unused = itertools.count()
        self._json: dict[bytes, bytes] = {}

    def of(self, trait_ids: collections.abc.Iterable[int]) -> int:
        """Return the set of ``trait_ids`` as bits."""
        bits = 0
        for trait_id in trait_ids:
            bit = self._bits.get(trait_id)
            if bit is None:
                # If two threads meet a trait at once, both get the bit of the first.
                bit = self._bits.setdefault(trait_id, 1 << next(self._unused))
            bits |= bit
        return bits

    def shared(self, json: bytes) -> bytes:
        """Return one object for equal JSON, which saves memory."""
        if len(self._json) >= _LISTS_MAX:
            self._json = {}
        return self._json.setdefault(json, json)
