"""A bounded memory of what was used last."""

import collections.abc
import typing

_Key = typing.TypeVar("_Key")
_Value = typing.TypeVar("_Value")


class Recent(typing.Generic[_Key, _Value]):
    """Values by key, those used last, in two generations.

    When the young generation is full it becomes the old one, and what was not used
    meanwhile is forgotten. That needs no lock and no bookkeeping per use. The values
    together weigh no more than ``weight_max`` and the last of each generation.
    """

    def __init__(
        self, weight_max: int, weigh: collections.abc.Callable[[_Value], int]
    ) -> None:
        self._young_max = max(1, weight_max // 2)
        self._weigh = weigh
        self._young: dict[_Key, _Value] = {}
        self._old: dict[_Key, _Value] = {}
        self._weight = 0

    def find(self, key: _Key) -> _Value | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is not None:
                self.add(key, value)
        return value

    def add(self, key: _Key, value: _Value) -> None:
        """Keep a value that is not None, in the place of the one that is there."""
        if self._weight >= self._young_max:
            self._old, self._young, self._weight = self._young, {}, 0
        before = self._young.get(key)
        if before is not None:
            self._weight -= self._weigh(before)
        self._young[key] = value
        self._weight += self._weigh(value)
