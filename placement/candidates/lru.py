"""A cache that is bounded by the size of its values."""

import collections.abc
import typing

_Key = typing.TypeVar("_Key")
_Value = typing.TypeVar("_Value")


class LRUCache(typing.Generic[_Key, _Value]):
    """Keeps the values used last, in two generations.

    When the new generation is full it becomes the old one, and what was not used
    since then is dropped. That needs no lock, and no bookkeeping for a value that is
    found in the new generation. All values together are no larger than ``size_max``
    and the last value of each generation. ``dropped`` is called after values were
    dropped, and may add some again.
    """

    def __init__(
        self,
        size_max: int,
        size_of: collections.abc.Callable[[_Value], int],
        dropped: collections.abc.Callable[[], None] = lambda: None,
    ) -> None:
        self._generation_max = max(1, size_max // 2)
        self._size_of = size_of
        self._dropped = dropped
        self._new: dict[_Key, _Value] = {}
        self._old: dict[_Key, _Value] = {}
        self._size = 0

    def find(self, key: _Key) -> _Value | None:
        """Return the value of ``key``, or None."""
        value = self._new.get(key)
        return self._find_old(key) if value is None else value

    def find_all(self, keys: collections.abc.Sequence[_Key]) -> list[_Value | None]:
        """Return the value of each key, or None, in the order of ``keys``."""
        values = list(map(self._new.get, keys))
        if None in values:
            for position, value in enumerate(values):
                if value is None:
                    values[position] = self._find_old(keys[position])
        return values

    def add(self, key: _Key, value: _Value) -> None:
        """Add a value that is not None, or replace the one of ``key``."""
        if self._size >= self._generation_max:
            unused, self._old = self._old, self._new
            self._new, self._size = {}, 0
            if unused:
                self._dropped()
        self._old.pop(key, None)
        replaced = self._new.get(key)
        if replaced is not None:
            self._size -= self._size_of(replaced)
        self._new[key] = value
        self._size += self._size_of(value)

    def remove(self, key: _Key) -> None:
        """Remove the value of ``key``, if there is one."""
        self._old.pop(key, None)
        removed = self._new.pop(key, None)
        if removed is not None:
            self._size -= self._size_of(removed)

    def values(self) -> list[_Value]:
        """Return all values, which does not count as a use."""
        return [*self._new.values(), *self._old.values()]

    def clear(self) -> None:
        """Remove all values."""
        self._new, self._old, self._size = {}, {}, 0

    def _find_old(self, key: _Key) -> _Value | None:
        value = self._old.pop(key, None)
        if value is not None:
            self.add(key, value)
        return value
