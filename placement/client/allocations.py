"""What consumers hold: reading, writing, and claiming it."""

import random
from collections.abc import Iterable, Mapping

from placement.client import errors, retry, values
from placement.client.exchange import Exchange, documents, path_of, read, with_query


class AllocationOperations(Exchange):
    """The operations on allocations, and claims that are made of them."""

    def get_allocations(self, consumer: values.AnyUUID) -> values.Allocations:
        """Return what one consumer holds; nothing for a consumer never heard of."""
        path = path_of("allocations", consumer)
        return self._get(path, values.Allocations.from_document)

    def replace_allocations(
        self, consumer: values.AnyUUID, allocations: values.Allocations
    ) -> None:
        """Make ``allocations`` all that the consumer holds, if it has not changed.

        Raises ConsumerConflict, ConcurrentUpdate, CapacityExceeded,
        ConstraintViolation, InventoryInvalid; BadRequest for names that do not exist.
        """
        path = path_of("allocations", consumer)
        self.request("PUT", path, allocations.to_document())

    def replace_many_allocations(
        self, by_consumer: values.ByUUID[values.Allocations]
    ) -> None:
        """Replace what several consumers hold: all of them, or none.

        Raises as ``replace_allocations``.
        """
        self.request("POST", "/allocations", documents(by_consumer))

    def delete_allocations(self, consumer: values.AnyUUID) -> None:
        """Give back all that a consumer holds. Raises NotFound if that is nothing."""
        self.request("DELETE", path_of("allocations", consumer))

    def claim(
        self,
        consumer: values.AnyUUID,
        allocation_request: values.AllocationRequest,
        *,
        project_id: values.AnyUUID,
        user_id: values.AnyUUID,
        consumer_type: str,
        consumer_generation: int | None = None,
        is_repeat: bool = False,
    ) -> values.Claim:
        """Take what a candidate offers, for one consumer.

        Returns a ``Claim`` that is true if the consumer has it now. It is false,
        with the reason in ``outcome``, where another writer was first: the room is
        gone, the providers kept changing, or the consumer is not at
        ``consumer_generation`` (None: it holds nothing yet). A caller then tries the
        next candidate, or reads again.

        After a failure that leaves the outcome unknown, such as a time-out, the
        allocations of the consumer are read; the claim is true if they are exactly
        what was asked for, one generation later. With ``retry`` the claim is then sent
        again, which is safe: the generation lets only one of them through. Otherwise
        the failure is raised, and the claim may still be served. A caller that sends
        it again later sets ``is_repeat``: a consumer that already holds exactly this
        then counts as claimed, not as changed by another writer.

        Raises where the request is wrong and no later try can make it right:
        BadRequest (a provider, class or id that does not exist or is malformed),
        ConstraintViolation (the amount breaks min_unit, max_unit or step_size), and
        InventoryInvalid (the provider does not offer the class).
        """
        wanted = values.Allocations(
            allocation_request.by_provider,
            consumer_generation,
            project_id,
            user_id,
            consumer_type,
        )
        try:
            self._replace_or_find(str(consumer), wanted, is_repeat)
        except errors.CapacityExceeded as failure:
            outcome, detail = values.Outcome.NO_ROOM, failure.detail
        except errors.ConsumerConflict as failure:
            outcome, detail = values.Outcome.CONSUMER_CHANGED, failure.detail
        except errors.ConcurrentUpdate as failure:
            outcome, detail = values.Outcome.PROVIDER_CHANGED, failure.detail
        else:
            outcome, detail = values.Outcome.CLAIMED, ""
        return values.Claim(str(consumer), outcome, detail, allocation_request)

    def claim_any(
        self,
        consumer: values.AnyUUID,
        candidates: values.Candidates | Iterable[values.AllocationRequest],
        *,
        project_id: values.AnyUUID,
        user_id: values.AnyUUID,
        consumer_type: str,
        consumer_generation: int | None = None,
        is_ordered: bool = False,
    ) -> values.Claim:
        """Claim candidates until one succeeds.

        The same search gives every caller the same candidates in the same order, so
        they are tried in random order: callers at the same time would otherwise
        compete for the first. ``is_ordered`` keeps the order given, for callers that
        prefer some candidates to others.

        Returns the last ``Claim``; its ``request`` is the candidate that was claimed.
        It is false if every candidate was taken, or there was none, and if the
        consumer is not at ``consumer_generation``. Raises as ``claim``.
        """
        if isinstance(candidates, values.Candidates):
            candidates = candidates.requests
        requests = list(candidates)
        if not is_ordered:
            random.shuffle(requests)
        claim = values.Claim(
            str(consumer), values.Outcome.NO_ROOM, "There are no candidates."
        )
        for request in requests:
            claim = self.claim(
                consumer,
                request,
                project_id=project_id,
                user_id=user_id,
                consumer_type=consumer_type,
                consumer_generation=consumer_generation,
            )
            if claim or claim.outcome is values.Outcome.CONSUMER_CHANGED:
                break
        return claim

    def get_project_usages(
        self,
        project_id: values.AnyUUID,
        user_id: values.AnyUUID | None = None,
        consumer_type: str | None = None,
    ) -> Mapping[str, values.ProjectUsage]:
        """Return what a project uses, by consumer type.

        A ``consumer_type`` of ``all`` counts all types together under that key, and
        ``unknown`` the consumers that have none.
        """
        parameters = [("project_id", str(project_id))]
        if user_id is not None:
            parameters.append(("user_id", str(user_id)))
        if consumer_type is not None:
            parameters.append(("consumer_type", consumer_type))
        return self._get(
            with_query("/usages", parameters),
            lambda document: {
                name: values.ProjectUsage.from_document(usage)
                for name, usage in document["usages"].items()
            },
        )

    def _replace_or_find(
        self, consumer: str, wanted: values.Allocations, is_in_doubt: bool
    ) -> None:
        """Do what ``replace_allocations`` does, or find that it has been done.

        ``is_in_doubt`` says that the same was sent before, with an unknown outcome.
        """

        def attempt() -> None:
            nonlocal is_in_doubt
            try:
                path = path_of("allocations", consumer)
                self._send("PUT", path, wanted.to_document())
            except errors.ConsumerConflict:
                if not is_in_doubt or not self._has(consumer, wanted):
                    raise
            except errors.ClientError as failure:
                if not failure.is_outcome_unknown:
                    raise
                is_in_doubt = True
                try:
                    is_done = self._has(consumer, wanted)
                except errors.ClientError:
                    raise failure from None
                if not is_done:
                    raise

        # The generation in the request lets at most one of the attempts through.
        self._retry.run(
            attempt,
            lambda failure: (
                failure.is_outcome_unknown or retry.may_send_again("PUT", failure)
            ),
        )

    def _has(self, consumer: str, wanted: values.Allocations) -> bool:
        """Say whether the last write of the consumer's allocations was this one.

        Raises Unavailable when that cannot be read.
        """
        path = path_of("allocations", consumer)
        try:
            answer = self._send("GET", path)
        except errors.ServerError as failure:
            raise errors.Unavailable(
                f"{failure.detail} It is not known whether {consumer} already holds "
                "what was asked for.",
                failure.status,
                failure.code,
                failure.request_id,
                failure.headers,
            ) from failure
        found = read(answer, values.Allocations.from_document)
        return found == wanted.as_stored()
