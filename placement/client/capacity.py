"""How many more consumers fit."""

from collections.abc import Mapping, Sequence

from placement.client import values
from placement.client.exchange import VERSION, Exchange, read


class CapacityOperations(Exchange):
    """The operation that counts capacity."""

    def capacity(
        self,
        queries: Mapping[str, str],
        *,
        by: Sequence[str] = (),
        is_empty_state: bool = False,
        without: Sequence[values.AnyUUID] = (),
        hosts: int | None = None,
    ) -> dict[str, values.Capacity]:
        """Return how many more consumers of each request fit, by its name.

        ``queries`` are query strings of searches by name, see ``candidates_query``; at
        most 100. Their counts overlap: each is made as if the others did not exist.
        ``by`` adds counts by ``aggregate`` and ``trait:NAME``. With ``is_empty_state``
        nothing counts as allocated. The trees of the roots ``without`` are left out.
        ``hosts`` is the number of hosts to list. OpenStack Placement does not have this
        operation.
        Raises BadRequest, also for unknown classes, traits and roots.
        Source: API reference, "Capacity".
        """
        body: dict[str, object] = {
            "requests": [
                {"name": name, "query": query, "version": VERSION}
                for name, query in queries.items()
            ],
            "by": list(values.several("by", by)),
            "without": [str(each) for each in values.several("without", without)],
            "state": "empty" if is_empty_state else "now",
        }
        if hosts is not None:
            body["hosts"] = hosts
        return read(
            self.request("POST", "/-/v1/capacity", body),
            lambda document: {
                each["name"]: values.Capacity.from_document(each)
                for each in document["results"]
            },
        )
