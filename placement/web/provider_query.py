"""What a request for many providers asks for, from its query string or its body."""

import collections.abc
import dataclasses
import typing

from placement import exception, excerpt, uuids
from placement.api.querystring import Query
from placement.objects import provider_page, provider_state
from placement.web import page_token, provider_documents

PAGE_SIZE = 1000

_ANY_STATE = "any"

# Parameters that are no filters of ``GET /resource_providers``.
_OWN = ("uuid", "roots", "state", "include", "page_size", "page_token")


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderQuery:
    """The parameters of a request; those of the page are None if they are not given.

    ``filters`` are those of ``GET /resource_providers`` without ``uuid``. ``uuids`` are
    canonical and sorted. They and ``states`` are no filter if None.
    """

    filters: Query
    uuids: tuple[str, ...] | None
    is_only_roots: bool
    states: tuple[int, ...] | None
    include: provider_documents.Include
    page_size: int | None
    page_token: str | None

    def page_after(self) -> int:
        """Return the id after which the page starts.

        Raises PageTokenInvalid for a token that is not one of this query.
        """
        if self.page_token is None:
            return provider_page.BEFORE_ALL
        return page_token.decode(self._query(), self.page_token)

    def next_page_token(self, last_id: int) -> str:
        """Return the token of the page after the provider with the id ``last_id``."""
        return page_token.encode(self._query(), last_id)

    def _query(self) -> list[typing.Any]:
        return [
            sorted(self.filters),
            self.uuids,
            self.is_only_roots,
            self.states,
            sorted(self.include),
        ]


def of_query(query: Query) -> ProviderQuery:
    """Return what a query string asks for; it has passed its schema.

    Raises BadRequest.
    """
    uuid, size = query.last("uuid"), query.last("page_size")
    return ProviderQuery(
        filters=Query(tuple(pair for pair in query if pair[0] not in _OWN)),
        uuids=None if uuid is None else _canonical([uuid]),
        is_only_roots=query.last("roots") == "true",
        states=_parse_state(query.last("state")),
        include=parse_include(query.last("include")),
        page_size=None if size is None else int(size),
        page_token=query.last("page_token"),
    )


def of_body(body: dict[str, typing.Any]) -> ProviderQuery:
    """Return what a body asks for; it has passed its schema.

    Raises BadRequest.
    """
    wanted, size = body.get("uuid"), body.get("page_size")
    include = body.get("include", ())
    return ProviderQuery(
        filters=Query(tuple(_pairs(body))),
        uuids=None if wanted is None else _canonical(_listed(wanted)),
        is_only_roots=body.get("roots", False),
        states=_parse_state(body.get("state")),
        include=parse_include(
            include if isinstance(include, str) else ",".join(include)
        ),
        # An integer may be written as 10.0.
        page_size=None if size is None else int(size),
        page_token=body.get("page_token"),
    )


def _parse_state(value: str | None) -> tuple[int, ...] | None:
    """Return the states to list; by default not those that are quarantined."""
    if value is None:
        return provider_state.IN_SERVICE, provider_state.CORDONED
    if value == _ANY_STATE:
        return None
    return (provider_state.NAMES.index(value),)


def parse_include(value: str | None) -> provider_documents.Include:
    """Return the parts to include. Raises BadRequest."""
    include = frozenset(value.split(",") if value else ())
    unknown = sorted(include - set(provider_documents.PARTS))
    if unknown:
        raise exception.BadRequest(
            reason=f"The parameter 'include' takes a comma-separated list of "
            f"{', '.join(provider_documents.PARTS)}. "
            f"Got: {excerpt.of_text(unknown[0])}"
        )
    if provider_documents.USAGES in include and (
        provider_page.INVENTORIES not in include
    ):
        raise exception.BadRequest(
            reason="The parameter 'include' may have 'usages' only together with "
            "'inventories', to which they are added."
        )
    return include


def _pairs(
    body: dict[str, typing.Any],
) -> collections.abc.Iterator[tuple[str, str]]:
    """Yield the filters in the notation of a query string."""
    for name, value in body.items():
        if name in _OWN:
            continue
        if isinstance(value, dict):
            amounts = (f"{key}:{int(amount)}" for key, amount in value.items())
            yield name, ",".join(amounts)
        else:
            for each in _listed(value):
                yield name, each


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _canonical(given: collections.abc.Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({uuids.canonical_or_same(each) for each in given}))
