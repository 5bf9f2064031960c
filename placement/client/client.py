"""The client: one method per operation, plain values in and out."""

import ssl
import typing
import urllib.parse
from collections.abc import Iterable, Sequence

from placement.client import location, query, retry, transport, values
from placement.client.bulk import BulkReads
from placement.client.capacity import CapacityOperations
from placement.client.changes import ChangeOperations
from placement.client.consumers import ConsumerOperations
from placement.client.exchange import documents, read, with_query
from placement.client.limits import LimitOperations
from placement.client.monitoring import MonitoringOperations
from placement.client.placing import PlacingOperations
from placement.client.states import StateOperations
from placement.client.trees import TreeOperations
from placement.client.whatif import WhatIfOperations


class Client(
    BulkReads,
    CapacityOperations,
    ChangeOperations,
    ConsumerOperations,
    LimitOperations,
    MonitoringOperations,
    PlacingOperations,
    StateOperations,
    TreeOperations,
    WhatIfOperations,
):
    """The Placement API over a transport.

    Every method raises the classes of ``errors``: the one for the status and code of an
    error response, ``Unreachable`` or ``TimedOut`` if there was no response, and
    ``UnexpectedAnswer`` if the response is not that of a Placement service. Requests
    are repeated only if ``retry`` allows it.

    Threads can share a client. As a context manager it closes its connections.
    """

    @classmethod
    def connect(
        cls,
        endpoint: str | None = None,
        token: str | None = None,
        timeout_seconds: float = transport.TIMEOUT_SECONDS,
        *,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str | None = None,
        retry: retry.Retry = retry.NEVER,
    ) -> typing.Self:
        """Return a client of the service that ``locate`` finds, without a request.

        Raises ServerNotLocated; ValueError when the endpoint is not a URL.
        """
        found = location.locate(endpoint, token)
        over_http = transport.HTTPTransport(
            found.endpoint, found.token, timeout_seconds, ssl_context
        )
        return cls(over_http, user_agent=user_agent, retry=retry)

    def get_versions(self) -> values.Document:
        """Return the version document."""
        return self._get("/", dict)

    def get_openapi(self, version: str | None = None) -> values.Document:
        """Return the OpenAPI document of a microversion, by default the newest.

        OpenStack Placement does not have it, nor that of the extensions.

        Raises BadRequest, and NotAcceptable for a version that does not exist.
        """
        parameters = [] if version is None else [("version", version)]
        return self._get(with_query("/openapi.json", parameters), dict)

    def get_extensions_openapi(self) -> values.Document:
        """Return the OpenAPI document of the extensions. Raises Forbidden."""
        return self._get("/-/v1/openapi.json", dict)

    def get_candidates(
        self,
        groups: Iterable[query.RequestGroup],
        group_policy: str | None = None,
        limit: int | None = None,
        root_required: Sequence[str] = (),
        same_subtree: Iterable[Sequence[str]] = (),
    ) -> values.Candidates:
        """Return the candidates for the groups, at most ``limit``.

        For the parameters, see ``query.candidates_query``. The result is empty if no
        provider can serve the request.
        Raises BadRequest, also for unknown classes and traits.
        """
        return self.get_candidates_by_query(
            query.candidates_query(
                groups, group_policy, limit, root_required, same_subtree
            )
        )

    def get_candidates_by_query(self, query_string: str) -> values.Candidates:
        """Return the candidates for a query string of the API.

        Characters that are invalid in a URL are quoted; existing quoting is kept.
        """
        quoted = urllib.parse.quote(query_string, safe="%&=:,!+;/?@-._~'()*$[]")
        path = f"/allocation_candidates?{quoted}"
        return self._get(path, values.Candidates.from_document)

    def explain(
        self,
        query_string: str,
        *,
        version: str | None = None,
        hosts: int = 5,
        provider: values.AnyUUID | None = None,
    ) -> values.Document:
        """Return the document that explains the result of a search.

        ``query_string`` is that of ``get_candidates_by_query``, read at ``version`` or
        at the newest. ``hosts`` is the number of nearest hosts; with ``provider``, a
        uuid or a name, the only one is that of its tree.

        Raises NotFound for an unknown provider, and for a service without the
        extension.
        Source: API reference, "Explain".
        """
        body: dict[str, typing.Any] = {"query": query_string, "hosts": hosts}
        if version is not None:
            body["version"] = version
        if provider is not None:
            body["provider"] = str(provider)
        return read(self.request("POST", "/-/v1/explain", body), dict)

    def reshape(
        self,
        inventories: values.ByUUID[values.Inventories],
        allocations: values.ByUUID[values.Allocations],
    ) -> None:
        """Replace inventories by provider and allocations by consumer atomically.

        Raises ConcurrentUpdate, InventoryInUse, and the failures of
        ``replace_allocations``; Forbidden unless the caller may reshape.
        """
        body = {
            "inventories": documents(inventories),
            "allocations": documents(allocations),
        }
        self.request("POST", "/reshaper", body)
