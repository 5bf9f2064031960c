"""The client: one method per operation, plain values in and out."""

import ssl
import typing
import urllib.parse
from collections.abc import Iterable, Sequence

from placement.client import location, query, retry, transport, values
from placement.client.allocations import AllocationOperations
from placement.client.exchange import documents
from placement.client.inventories import InventoryOperations
from placement.client.names import NameOperations
from placement.client.providers import ProviderOperations


class Client(
    ProviderOperations, InventoryOperations, NameOperations, AllocationOperations
):
    """The Placement API over a transport.

    Every method raises the classes of ``errors``: those of its answer by status and
    code, ``Unreachable`` or ``TimedOut`` when there was none, and
    ``UnexpectedAnswer`` when what answered is something else. Nothing is sent again
    unless ``retry`` says so. A client may be shared by threads; as a context manager
    it closes its connections at the end.

    A uuid may be given as a string or as a ``uuid.UUID``.
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
        """Return a client of the service that ``locate`` finds; nothing is sent yet.

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

    def get_candidates(
        self,
        groups: Iterable[query.RequestGroup],
        group_policy: str | None = None,
        limit: int | None = None,
        root_required: Sequence[str] = (),
        same_subtree: Iterable[Sequence[str]] = (),
    ) -> values.Candidates:
        """Return the ways to serve all groups at once, ``limit`` at most.

        Parameters are those of ``query.candidates_query``. That nothing fits is an
        empty answer. Raises BadRequest, also for names that do not exist.
        """
        return self.get_candidates_by_query(
            query.candidates_query(
                groups, group_policy, limit, root_required, same_subtree
            )
        )

    def get_candidates_by_query(self, query_string: str) -> values.Candidates:
        """Return what a search finds that is written as a query string.

        Characters that no URL has are quoted; what is quoted already stays so.
        """
        quoted = urllib.parse.quote(query_string, safe="%&=:,!+;/?@-._~'()*$[]")
        path = f"/allocation_candidates?{quoted}"
        return self._get(path, values.Candidates.from_document)

    def reshape(
        self,
        inventories: values.ByUUID[values.Inventories],
        allocations: values.ByUUID[values.Allocations],
    ) -> None:
        """Replace inventories by provider and allocations by consumer, all at once.

        Raises ConcurrentUpdate, InventoryInUse and what ``replace_allocations``
        raises; Forbidden unless the policy allows the caller to reshape.
        """
        body = {
            "inventories": documents(inventories),
            "allocations": documents(allocations),
        }
        self.request("POST", "/reshaper", body)
