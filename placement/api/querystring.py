"""Query strings."""

import collections.abc
import dataclasses
import urllib.parse

from placement import exception


@dataclasses.dataclass(frozen=True)
class Query:
    """The parameters of one request in their order, with repeated ones."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, query_string: bytes) -> "Query":
        """Parse ``query_string``, as it is in the URL.

        ``&`` and ``;`` separate pairs, ``+`` is a space, and empty pairs are ignored.

        Raises QueryInvalid when it is not UTF-8.
        """
        try:
            pairs = urllib.parse.parse_qsl(
                query_string.replace(b";", b"&").decode("utf-8"),
                keep_blank_values=True,
                errors="strict",
            )
        except UnicodeDecodeError as undecodable:
            raise exception.QueryInvalid(reason=undecodable) from undecodable
        return cls(tuple(pairs))

    def last_values(self) -> dict[str, str]:
        """Return each name with its last value."""
        return dict(self.pairs)

    def first(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    def last(self, name: str) -> str | None:
        return self.last_values().get(name)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.pairs)

    def __iter__(self) -> collections.abc.Iterator[tuple[str, str]]:
        return iter(self.pairs)
