"""Operations on allocations, and claims."""

import random
from collections.abc import Iterable, Mapping

from placement.client import errors, retry, values
from placement.client.exchange import Exchange, documents, path_of, read, with_query


class AllocationOperations(Exchange):
    """The operations on allocations, and claims."""

    def get_allocations(self, consumer: values.AnyUUID) -> values.Allocations:
        """Return the allocations of a consumer, empty if it does not exist."""
        path = path_of("allocations", consumer)
        return self._get(path, values.Allocations.from_document)

    def replace_allocations(
        self, consumer: values.AnyUUID, allocations: values.Allocations
    ) -> None:
        """Replace the allocations of a consumer, if its generation has not changed.

        Raises ConsumerConflict, ConcurrentUpdate, CapacityExceeded,
        ConstraintViolation, InventoryInvalid; BadRequest for unknown names.
        """
        path = path_of("allocations", consumer)
        self.request("PUT", path, allocations.to_document())

    def replace_many_allocations(
        self, by_consumer: values.ByUUID[values.Allocations]
    ) -> None:
        """Replace the allocations of several consumers atomically.

        Raises the failures of ``replace_allocations``.
        """
        self.request("POST", "/allocations", documents(by_consumer))

    def delete_allocations(self, consumer: values.AnyUUID) -> None:
        """Delete the allocations of a consumer. Raises NotFound if it has none."""
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
        """Claim a candidate for a consumer.

        Returns a ``Claim`` that is true if the consumer now has the allocations. It is
        false, with the reason in ``outcome``, if another writer came first: the room
        is taken, the providers kept changing, or the generation of the consumer is not
        ``consumer_generation`` (None: it has no allocations). The caller can then try
        the next candidate, or read again.

        After a failure with an unknown outcome, such as a timeout, the allocations of
        the consumer are read. The claim is true if they are exactly the requested ones,
        one generation later. Otherwise the claim is repeated if ``retry`` allows it,
        which is safe because the generation lets only one attempt succeed, or else the
        failure is raised, and the claim may still take effect. A caller that repeats it
        later sets ``is_repeat``: then a consumer that already has exactly these
        allocations counts as claimed.

        Raises failures that a repetition cannot resolve: BadRequest (a provider, class
        or id is unknown or malformed), ConstraintViolation (the amount violates
        min_unit, max_unit or step_size), and InventoryInvalid (the provider has no
        inventory of the class).
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
        except errors.ProviderNotInService as failure:
            outcome, detail = values.Outcome.NOT_IN_SERVICE, failure.detail
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

        Candidates are tried in random order: concurrent callers find the same
        candidates in the same order, and would compete for the first one.
        ``is_ordered`` keeps the given order, for callers that prefer some candidates.

        Returns the last ``Claim``; its ``request`` is the claimed candidate. It is
        false if no candidate was available, or if the generation of the consumer is not
        ``consumer_generation``. Raises the failures of ``claim``.
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
        """Return the usage of a project by consumer type.

        The ``consumer_type`` ``all`` returns the sum over all types under that key,
        ``unknown`` selects consumers without a type.
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
        """Replace the allocations, or find that an earlier attempt has done so.

        ``is_in_doubt``: the same write was sent before, with an unknown outcome.
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

        # The generation in the request lets at most one attempt succeed.
        self._retry.run(
            attempt,
            lambda failure: (
                failure.is_outcome_unknown or retry.may_send_again("PUT", failure)
            ),
        )

    def _has(self, consumer: str, wanted: values.Allocations) -> bool:
        """Return whether the consumer has exactly the wanted allocations.

        Raises Unavailable when they cannot be read.
        """
        path = path_of("allocations", consumer)
        try:
            answer = self._send("GET", path)
        except errors.ServerError as failure:
            raise errors.Unavailable(
                f"{failure.detail} It is not known whether consumer {consumer} "
                "already has the requested allocations.",
                failure.status,
                failure.code,
                failure.request_id,
                failure.headers,
            ) from failure
        found = read(answer, values.Allocations.from_document)
        return found == wanted.as_stored()
