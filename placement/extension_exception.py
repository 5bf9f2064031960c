"""Failures of the extensions, which OpenStack Placement does not have."""

import typing

from placement import exception, excerpt


class TooManyLines(exception.BodyTooLarge):
    """The body has more lines than ``limit``."""

    template = "The body has more lines than the limit of {limit}."


class PageTokenInvalid(exception.BadRequest):
    code = "placement.ext.page_token"
    template = (
        "The parameter 'page_token' must be the next_page_token of a response to the "
        "same query."
    )


class NamedRequestInvalid(exception.BadRequest):
    """The query or version of the request ``name``, one of several, is invalid."""

    code = "placement.ext.query"

    def __init__(self, name: str, reason: object) -> None:
        self.name = name
        # The reason is a message itself, and is not truncated.
        super().__init__(reason=f"Request '{excerpt.of_text(name)}': {reason}")


class ClaimQueryInvalid(exception.BadRequest):
    """The query or version of the claim for a consumer, one of several, is invalid."""

    def __init__(self, consumer: str, reason: object) -> None:
        super().__init__(reason=f"The query of consumer {consumer}: {reason}")


class DuplicateRequestName(exception.BadRequest):
    code = "placement.ext.duplicate_name"
    template = "The requests have the name '{name}' more than once."


class UnknownRoot(exception.BadRequest):
    code = "placement.ext.unknown_root"
    template = "The member 'without' takes uuids of root providers. Not one: {uuid}"


class UnknownExcludedRoot(exception.BadRequest):
    code = "placement.ext.unknown_root"
    template = "The member 'exclude' takes uuids of root providers. Not one: {uuid}"


class UnknownLostRoot(exception.BadRequest):
    code = "placement.ext.unknown_root"
    template = "The member 'lose' takes uuids of root providers. Not one: {uuid}"


class AnalysisTooLarge(exception.BadRequest):
    """More than ``most`` consumers, or different ones, would have to be held."""

    code = "placement.ext.too_large"
    template = (
        "The lost hosts have more than {most} consumers, or consumers with more than "
        "{most} different allocations. Name fewer hosts in the member 'lose'."
    )


class UnknownPreferredTraits(exception.BadRequest):
    """``names`` are the unknown names, sorted and joined by commas."""

    code = "placement.ext.unknown_trait"
    template = "The member 'prefer' has unknown traits: {names}"


class DuplicateConsumer(exception.BadRequest):
    code = "placement.ext.duplicate_consumer"
    template = "The body has consumer {uuid} more than once."


class UnknownTraits(exception.BadRequest):
    """``names`` are the unknown names, sorted and joined by commas."""

    code = "placement.ext.unknown_trait"
    template = "The member 'by' has unknown traits: {names}"


class UnknownTraitsOfProvider(exception.BadRequest):
    """``names`` are the unknown names, sorted and joined by commas."""

    code = "placement.ext.unknown_trait"
    template = "The member 'traits' has unknown traits: {names}"


class ResultTooLarge(exception.BadRequest):
    """The answer would have ``count`` items, more than ``most``."""

    code = "placement.ext.too_large"
    template = (
        "The member 'by' asks for {count} counts, more than the {most} that one "
        "response can have. Send fewer requests at once."
    )


class ProviderNotFound(exception.NotFound):
    """``wanted`` is neither the uuid nor the name of a provider."""

    template = "No resource provider has the uuid or name {wanted}."


class LimitsNotFound(exception.NotFound):
    template = "No limit applies to the project {project_id}."


class OwnLimitsNotFound(exception.NotFound):
    template = "The project {project_id} has no limits of its own."


class ProviderInOtherTree(exception.Conflict):
    """A provider of a wanted tree exists below another root."""

    code = "placement.ext.other_tree"
    template = (
        "Resource provider {uuid} is in the tree of another root. Move it first, with "
        "PUT /resource_providers/{uuid}."
    )


class ConsumersChanged(exception.ConcurrentUpdate):
    """Consumers to release are unknown, or have another generation than is given.

    ``changed`` has them by uuid, with the stored generation or None, and the given one.
    """

    code = "placement.ext.consumers_changed"
    template = (
        "Consumers that are unknown or have another generation: {count} of {wanted}, "
        "such as {examples}. Nothing was released."
    )

    def __init__(self, changed: dict[str, tuple[int | None, int]], wanted: int) -> None:
        examples = ", ".join(list(changed)[:3])
        super().__init__(count=len(changed), wanted=wanted, examples=examples)
        self.members = {
            "consumers": [
                {"uuid": uuid, "generation": stored, "given": given}
                for uuid, (stored, given) in changed.items()
            ]
        }


class ConsumerExists(exception.Conflict):
    """A consumer to place exists already."""

    code = "placement.ext.consumer_exists"
    template = "Consumer {uuid} exists already. Nothing was claimed."


class GroupPolicyConflict(exception.Conflict):
    """The first claim of a group has fixed another policy than is given."""

    code = "placement.ext.group_policy"
    template = (
        "The group '{name}' has members and the policy '{policy}' with max_per_host "
        "{most}; a claim for it must give the same policy, max_per_host and 'over'."
    )


class HoldNotFound(exception.NotFound):
    code = "placement.ext.hold_not_found"
    template = "Consumer {uuid} has no hold, or it has expired."


class NotOnThisMachine(exception.Forbidden):
    template = (
        "One-time links work only in a browser on the machine of the server, without a "
        "proxy between them."
    )


class LinkNotFound(exception.NotFound):
    code = "placement.ext.link_not_found"
    template = (
        "The link was used or has expired. Run `placement console` for a new one."
    )


class IdempotencyKeyReused(exception.Unprocessable):
    code = "placement.ext.idempotency_key"
    template = "The Idempotency-Key was used for a request with another body."


class KeyInProgress(exception.Conflict):
    """A request with the same Idempotency-Key has not ended in time."""

    code = "placement.ext.key_in_progress"
    template = (
        "A request with this Idempotency-Key is in progress. Repeat the request later, "
        "with the same key."
    )
    retry_after_seconds = 1


class NoCandidate(exception.Conflict):
    """No candidate is left for a consumer; ``members`` say why."""

    code = "placement.ext.no_candidate"
    template = "No candidate for consumer {consumer}: {reason}. Nothing was claimed."

    def __init__(
        self, consumer: str, reason: str, cause: str, explain: dict[str, typing.Any]
    ) -> None:
        super().__init__(consumer=consumer, reason=reason)
        self.members = {"cause": cause, "explain": explain}


class ProviderNotInService(exception.Conflict):
    """A new or larger allocation is of a provider that is ``state``."""

    code = "placement.ext.cordoned"
    template = (
        "Unable to allocate inventory: Resource provider '{uuid}' is {state}. It takes "
        "no new or larger allocations until it is in service again."
    )


class LimitExceeded(exception.Conflict):
    """``used`` plus ``amount`` would exceed the ``limit`` of the project.

    ``resource_class`` may be ``consumers``.
    """

    code = "placement.ext.limit_exceeded"
    template = (
        "Unable to allocate inventory: The project {project_id} would exceed its limit "
        "of {resource_class}: asked {amount}, used {used} of {limit}."
    )


class ChangesDisabled(exception.NotFound):
    """The feed of changes is off."""

    code = "placement.ext.disabled"
    template = (
        "The feed of changes is off; an operator turns it on with [changes] enabled."
    )


class ChangesCompacted(exception.Gone):
    """``after`` is not a position from ``compacted`` to ``last``.

    It is too old, or the database was restored from a backup.
    """

    code = "placement.ext.compacted"
    template = (
        "The changes after position {after} are not available, only those after "
        "positions from {compacted} to {last}. Read everything that you follow again, "
        "and continue from a new position."
    )
