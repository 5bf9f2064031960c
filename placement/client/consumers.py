"""Operations on many consumers: reads, audits and releases.

OpenStack Placement does not have them: all raise NotFound for such a service.
"""

import typing
from collections.abc import Iterable, Iterator, Mapping

from placement.client import values
from placement.client.exchange import JSON, LINES, Exchange, read, with_query

# The most uuids in one query, and the most consumers that one request releases.
UUIDS_MAX = 10_000
RELEASE_MAX = 1000

_PATH = "/-/v1/consumers"
_ALL = values.ConsumerFilters()


class ConsumerOperations(Exchange):
    """The operations on ``/-/v1/consumers``.

    Source: API reference, "Consumers".
    """

    def read_consumers(
        self,
        filters: values.ConsumerFilters = _ALL,
        uuids: Iterable[values.AnyUUID] | None = None,
        *,
        is_one_snapshot: bool = False,
    ) -> Iterator[values.ConsumerDetails]:
        """Yield the consumers that match the filters, in order of creation.

        ``uuids`` may be any number; unknown ones are skipped. Costs one request per
        1,000 consumers, sent while iterating; each page is one snapshot. With
        ``is_one_snapshot``, all consumers come with one response, or one per 10,000
        ``uuids``, which is held in memory.

        Raises BadRequest for an unknown resource class.
        """
        body = dict(filters.to_document())
        if uuids is None:
            yield from self._read(body, is_one_snapshot)
            return
        wanted = [str(each) for each in values.several("uuids", uuids)]
        for start in range(0, len(wanted), UUIDS_MAX):
            some = wanted[start : start + UUIDS_MAX]
            yield from self._read(body | {"uuid": some}, is_one_snapshot)

    def _read(
        self, body: dict[str, typing.Any], is_one_snapshot: bool
    ) -> Iterator[values.ConsumerDetails]:
        path = f"{_PATH}:query"
        if is_one_snapshot:
            for line in self.request("POST", path, body, accept=LINES).lines():
                yield read(line, values.ConsumerDetails.from_document)
            return
        token: str | None = None
        while True:
            page = self.request("POST", path, body | {"page_token": token}, accept=JSON)
            found, token = read(page, _page)
            yield from found
            if token is None:
                return

    def audit_consumers(
        self,
        live: Iterable[values.AnyUUID],
        within: values.ConsumerFilters = _ALL,
        *,
        older_than_seconds: int = 3600,
    ) -> values.ConsumerAudit:
        """Compare the consumers with those that exist, at most 1,000,000 uuids.

        Only consumers that match ``within`` and were created ``older_than_seconds`` ago
        can be orphans.

        Raises BadRequest, also for a text that is not a uuid.
        """
        parameters = [
            *within.to_document().items(),
            ("older_than_seconds", str(older_than_seconds)),
        ]
        body = "\n".join(map(str, values.several("live", live))).encode()
        answer = self.request("POST", with_query(f"{_PATH}:audit", parameters), body)
        return read(answer, values.ConsumerAudit.from_document)

    def release_consumers(
        self,
        generations: Mapping[str, int],
        reason: str = "",
        *,
        is_validated_only: bool = False,
    ) -> list[values.ConsumerDetails]:
        """Release consumers with these generations, all or nothing, at most 1,000.

        Returns them as they were. With ``is_validated_only``, nothing is changed.

        Raises ConsumersChanged if any is unknown or has another generation.
        """
        body = {
            "consumers": [
                {"uuid": uuid, "generation": generation}
                for uuid, generation in generations.items()
            ],
            "reason": reason,
            "validate_only": is_validated_only,
        }
        return read(self.request("POST", f"{_PATH}:release", body), _released)

    def read_releases(
        self, consumer: values.AnyUUID | None = None
    ) -> Iterator[values.Release]:
        """Yield the records of releases, the last one first."""
        asked = [] if consumer is None else [("uuid", str(consumer))]
        token: str | None = None
        while True:
            parameters = [*asked, *([] if token is None else [("page_token", token)])]
            document = self._get(with_query(f"{_PATH}:releases", parameters), dict)
            for each in document["releases"]:
                yield values.Release.from_document(each)
            token = document["next_page_token"]
            if token is None:
                return


def _page(
    document: values.Document,
) -> tuple[list[values.ConsumerDetails], str | None]:
    return _consumers(document["consumers"]), document["next_page_token"]


def _released(document: values.Document) -> list[values.ConsumerDetails]:
    return _consumers(document["released"])


def _consumers(documents: list[values.Document]) -> list[values.ConsumerDetails]:
    return [values.ConsumerDetails.from_document(each) for each in documents]
