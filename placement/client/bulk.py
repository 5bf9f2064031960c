"""Reads of many providers with what belongs to them.

A service without the extension, such as OpenStack Placement, is asked by the operations
of the versioned API instead: one request for the providers, and one for each requested
detail of each of them, from no common snapshot. So is a service whose policy does not
allow the caller the extension.
"""

import functools
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence

from placement.client import errors, query, transport, values
from placement.client.allocations import AllocationOperations
from placement.client.exchange import JSON, LINES, path_of, read, with_query
from placement.client.inventories import InventoryOperations
from placement.client.names import NameOperations
from placement.client.providers import ProviderOperations
from placement.client.states import IN_SERVICE

# The most uuids in one request, and the most providers on a page.
UUIDS_MAX = 10_000

_PATH = "/-/v1/providers"

_Body = dict[str, typing.Any]


class BulkReads(
    ProviderOperations, InventoryOperations, NameOperations, AllocationOperations
):
    """The operations that read providers with their details."""

    def read_providers(  # noqa: PLR0913 - the filters of the API
        self,
        include: Sequence[str] = (),
        in_tree: values.AnyUUID | None = None,
        *,
        name: str | None = None,
        uuids: Iterable[values.AnyUUID] | None = None,
        resources: values.Resources | None = None,
        required: Sequence[str] = (),
        member_of: Sequence[values.AnyUUID] = (),
        is_only_roots: bool = False,
        state: str | None = None,
        is_one_snapshot: bool = False,
    ) -> Iterator[values.ProviderDetails]:
        """Yield the providers that match every given filter, in order of creation.

        ``include`` selects their details: ``inventories``, ``usages`` (requires
        inventories), ``traits``, ``aggregates``, ``allocations``. The filters are those
        of ``get_providers``, and any number of ``uuids``; unknown ones are skipped.
        ``state`` is ``in_service``, ``cordoned``, ``quarantined`` or ``any``; by
        default, quarantined providers are left out.

        Costs one request per 1,000 providers, sent while iterating; each page is one
        snapshot. With ``is_one_snapshot``, all providers come with one response, or one
        per 10,000 ``uuids``, which is held in memory.
        Source: API reference, "Extensions".
        """
        filters = query.provider_filters(
            name, None, in_tree, resources, required, member_of
        )
        if is_only_roots:
            filters.append(("roots", "true"))
        if state is not None:
            filters.append(("state", state))
        filters += _include_parameters(include)
        read_all = self._read_lines if is_one_snapshot else self._read_pages
        wanted = None if uuids is None else list(values.several("uuids", uuids))
        is_answered = False
        try:
            for ask in self._asks(filters, wanted):
                for details in read_all(ask):
                    is_answered = True
                    yield details
        except (errors.NotFound, errors.Forbidden) as failure:
            if is_answered or not _is_without_extension(failure):
                raise
        else:
            return
        if state not in (None, IN_SERVICE, "any"):
            return
        found = self.get_providers(name, None, in_tree, resources, required, member_of)
        known = {values.canonical_uuid(each) for each in wanted or ()}
        for provider in found:
            is_wanted = wanted is None or provider.uuid in known
            if is_wanted and not (is_only_roots and provider.parent_uuid):
                yield self._read_one_by_one(provider, include)

    def get_provider_details(
        self, uuid_or_name: values.AnyUUID, include: Sequence[str] = ()
    ) -> values.ProviderDetails:
        """Return one provider by its uuid or name; a uuid takes precedence.

        ``include`` is as in ``read_providers``.

        Raises NotFound.
        """
        parameters = _include_parameters(include)
        path = with_query(_PATH + path_of(uuid_or_name), parameters)
        try:
            return self._get(path, values.ProviderDetails.from_document)
        except (errors.NotFound, errors.Forbidden) as failure:
            if not _is_without_extension(failure):
                raise
        return self._read_one_by_one(self._find(str(uuid_or_name)), include)

    def _asks(
        self, filters: query.Parameters, uuids: list[values.AnyUUID] | None
    ) -> Iterator["_Ask"]:
        if uuids is None:
            yield functools.partial(self._ask_in_url, filters)
            return
        for start in range(0, len(uuids), UUIDS_MAX):
            some = [str(each) for each in uuids[start : start + UUIDS_MAX]]
            yield functools.partial(self._ask_in_body, _body(filters) | {"uuid": some})

    def _read_pages(self, ask: "_Ask") -> Iterator[values.ProviderDetails]:
        token: str | None = None
        while True:
            answer = ask([] if token is None else [("page_token", token)], JSON)
            page, token = read(answer, _provider_page)
            yield from page
            if token is None:
                return

    def _read_lines(self, ask: "_Ask") -> Iterator[values.ProviderDetails]:
        for line in ask([], LINES).lines():
            yield read(line, values.ProviderDetails.from_document)

    def _ask_in_url(
        self, filters: query.Parameters, page: query.Parameters, accept: str
    ) -> transport.Response:
        path = with_query(_PATH, [*filters, *page])
        return self.request("GET", path, accept=accept)

    def _ask_in_body(
        self, body: _Body, page: query.Parameters, accept: str
    ) -> transport.Response:
        return self.request("POST", f"{_PATH}:query", body | dict(page), accept=accept)

    def _find(self, uuid_or_name: str) -> values.Provider:
        """Return a provider by the versioned API. Raises NotFound."""
        if values.is_uuid(uuid_or_name):
            for found in self.get_providers(uuid=uuid_or_name):
                return found
        for found in self.get_providers(name=uuid_or_name):
            return found
        raise errors.NotFound(
            f"No resource provider has the uuid or name {uuid_or_name}.", 404
        )

    def _read_one_by_one(
        self, provider: values.Provider, include: Sequence[str]
    ) -> values.ProviderDetails:
        """Read the details of a provider by the versioned API.

        Its generation was read before, so a write that depends on them fails if they
        have changed since.
        """
        uuid = provider.uuid
        found: dict[str, typing.Any] = {}
        if "inventories" in include:
            found["inventories"] = self.get_inventories(uuid).by_class
        if "usages" in include:
            found["used"] = self.get_usages(uuid).resources
        if "traits" in include:
            found["traits"] = tuple(sorted(self.get_provider_traits(uuid).names))
        if "aggregates" in include:
            found["aggregates"] = tuple(sorted(self.get_aggregates(uuid).uuids))
        if "allocations" in include:
            shares = self.get_provider_allocations(uuid).by_consumer
            found["allocations"] = {
                consumer: share.resources for consumer, share in shares.items()
            }
        return values.ProviderDetails(provider, **found)


# Sends a query with the parameters of a page and a media type.
_Ask = Callable[[query.Parameters, str], transport.Response]


def _include_parameters(include: Sequence[str]) -> list[tuple[str, str]]:
    listed = list(values.several("include", include))
    return [("include", ",".join(listed))] if listed else []


def _body(filters: query.Parameters) -> _Body:
    """Return the parameters of a query string as a body; repeated ones are lists."""
    body: _Body = {}
    for name, value in filters:
        if name in ("required", "member_of"):
            body.setdefault(name, []).append(value)
        else:
            body[name] = value == "true" if name == "roots" else value
    return body


def _is_without_extension(failure: errors.ClientError) -> bool:
    """Return whether the caller cannot use the extension.

    The service may not have it, or its policy may not allow it to the caller.
    """
    is_unknown_provider = failure.code == "placement.ext.not_found"
    return not is_unknown_provider


def _provider_page(
    document: values.Document,
) -> tuple[list[values.ProviderDetails], str | None]:
    page = [
        values.ProviderDetails.from_document(each) for each in document["providers"]
    ]
    return page, document["next_page_token"]
