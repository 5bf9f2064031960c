"""A cache that is bounded by the size of its values."""

import collections
import collections.abc
import threading
import typing

_Key = typing.TypeVar("_Key")
_Value = typing.TypeVar("_Value")


class LRUCache(typing.Generic[_Key, _Value]):
    """Keeps the values that were used last.

    When all together are larger than ``size_max``, those that were not used for the
    longest time are dropped, until a quarter is free. ``size_of`` returns the same for
    a value each time. ``dropped`` is called after values were dropped, and may add some
    again, less than a quarter. The value that was added last always stays.
    """

    def __init__(
        self,
        size_max: int,
        size_of: collections.abc.Callable[[_Value], int],
        dropped: collections.abc.Callable[[], None] = lambda: None,
    ) -> None:
        self._size_max = size_max
        self._size_of = size_of
        self._dropped = dropped
        self._lock = threading.Lock()
        # In the order of their last use.
        self._values: collections.OrderedDict[_Key, _Value] = collections.OrderedDict()
        self._size = 0

    def find(self, key: _Key) -> _Value | None:
        """Return the value of ``key``, or None."""
        return self.find_all([key])[0]

    def find_all(self, keys: collections.abc.Sequence[_Key]) -> list[_Value | None]:
        """Return the value of each key, or None, in the order of ``keys``."""
        with self._lock:
            found = list(map(self._values.get, keys))
            for key, value in zip(keys, found, strict=True):
                if value is not None:
                    self._values.move_to_end(key)
        return found

    def add(self, key: _Key, value: _Value) -> None:
        """Add a value that is not None, or replace the one of ``key``."""
        self.add_all({key: value})

    def add_all(self, values: collections.abc.Mapping[_Key, _Value]) -> None:
        """Do what ``add`` does, for each of ``values``."""
        has_dropped = False
        with self._lock:
            for key, value in values.items():
                self._take_out(key)
                self._size += self._size_of(value)
                if self._size > self._size_max:
                    has_dropped |= self._make_room()
                self._values[key] = value
        if has_dropped:
            self._dropped()

    def remove(self, key: _Key) -> None:
        """Remove the value of ``key``, if there is one."""
        with self._lock:
            self._take_out(key)

    def values(self) -> list[_Value]:
        """Return all values, which does not count as a use."""
        with self._lock:
            return list(self._values.values())

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._values.clear()
            self._size = 0

    def _take_out(self, key: _Key) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._size -= self._size_of(value)

    def _make_room(self) -> bool:
        """Drop values until a quarter is free; return whether there was any."""
        has_values = bool(self._values)
        while self._values and self._size > self._size_max * 3 // 4:
            _, value = self._values.popitem(last=False)
            self._size -= self._size_of(value)
        return has_values
