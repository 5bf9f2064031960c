"""Operations that pick providers and claim them, and holds."""

import uuid
from collections.abc import Iterable, Iterator, Mapping

from placement.client import query, values
from placement.client.exchange import Exchange, path_of, read, with_query
from placement.client.retry import NEVER


class PlacingOperations(Exchange):
    """The operations on ``/-/v1/claims`` and ``/-/v1/holds``."""

    def place(
        self,
        wanted: values.Wanted | Iterable[values.Wanted],
        *,
        order: str = "any",
        prefer: Mapping[str, float] | None = None,
        exclude: Iterable[values.AnyUUID] = (),
        group: values.Group | None = None,
        hold_seconds: int | None = None,
        key: str | None = None,
    ) -> list[values.Placed]:
        """Pick providers for new consumers and claim them, all or nothing.

        ``order`` is ``any``, ``pack``, ``spread`` or ``seed:N``. ``prefer`` has weights
        by trait. ``exclude`` has uuids of roots. With ``hold_seconds`` the allocations
        expire unless they are confirmed. A ``key`` makes the request safe to repeat for
        24 hours; a client that retries requests makes one itself.

        Raises NoCandidate if a consumer does not fit; Conflict if a consumer exists, or
        the group has another policy; BadRequest.
        Source: API reference, "Claims".
        """
        several = [wanted] if isinstance(wanted, values.Wanted) else list(wanted)
        body: values.Document = {
            "claims": [each.to_document() for each in several],
            "order": order,
            "prefer": dict(prefer or {}),
            "exclude": [str(each) for each in exclude],
            "group": None if group is None else group.to_document(),
            "hold_seconds": hold_seconds,
        }
        if key is None and self._retry is not NEVER:
            key = str(uuid.uuid4())
        return read(
            self.request("POST", "/-/v1/claims", body, key=key),
            lambda document: [
                values.Placed.from_document(each) for each in document["claims"]
            ],
        )

    def hold(
        self,
        wanted: values.Wanted | Iterable[values.Wanted],
        seconds: int,
        *,
        order: str = "any",
        prefer: Mapping[str, float] | None = None,
        exclude: Iterable[values.AnyUUID] = (),
        group: values.Group | None = None,
        key: str | None = None,
    ) -> list[values.Placed]:
        """Do what ``place`` does, for ``seconds`` unless it is confirmed."""
        return self.place(
            wanted,
            order=order,
            prefer=prefer,
            exclude=exclude,
            group=group,
            hold_seconds=seconds,
            key=key,
        )

    def confirm(self, consumer: values.AnyUUID) -> None:
        """Let a consumer keep what it holds.

        Raises NotFound if it has no hold, or the hold has expired.
        """
        self.request("POST", f"{path_of('-', 'v1', 'holds', consumer)}:confirm")

    def extend(self, consumer: values.AnyUUID, seconds: int) -> values.Hold:
        """Let a hold expire ``seconds`` from now.

        Raises NotFound if there is no hold, or it has expired.
        """
        path = f"{path_of('-', 'v1', 'holds', consumer)}:extend"
        body = {"seconds": seconds}
        return read(self.request("POST", path, body), values.Hold.from_document)

    def holds(self) -> Iterator[values.Hold]:
        """Yield all holds, page by page."""
        token: str | None = None
        while True:
            parameters: query.Parameters = (
                [] if token is None else [("page_token", token)]
            )
            document = self._get(with_query("/-/v1/holds", parameters), dict)
            for each in document["holds"]:
                yield values.Hold.from_document(each)
            token = document["next_page_token"]
            if token is None:
                return
