"""Failures that a caller of the API can act on.

Each failure has a class, whose base class is its kind. Only the edge of the service
maps kinds to HTTP statuses, so nothing below the handlers depends on HTTP.
"""

# Whole: every failure, after its kind.
import types
import typing

from placement import excerpt


class PlacementError(Exception):
    """Base of every expected failure.

    ``code`` is a stable string for programs. ``template`` is the message for people,
    formatted with the keyword arguments, which are kept as ``details``. Long values are
    truncated in the message, except ``reason``, which is a message itself.
    """

    code = "placement.undefined_code"
    template = "The request could not be served."
    # When the same request may succeed.
    retry_after_seconds: int | None = None
    # More members of the error document.
    members: typing.Mapping[str, typing.Any] = types.MappingProxyType({})

    def __init__(self, **details: typing.Any) -> None:
        self.details = details
        shown = {
            name: value if name == "reason" else excerpt.of_text(value)
            for name, value in details.items()
        }
        super().__init__(self.template.format(**shown))


class BadRequest(PlacementError):
    """The request is invalid, regardless of the stored state."""

    template = "{reason}"


class DatabaseTooSlow(BadRequest):
    """The database exceeded the time limit for a search, which is ``seconds``.

    This is not Unavailable, because repeating the request would take as long.
    """

    template = (
        "The search was cancelled because the database did not answer within {seconds} "
        "seconds. Use fewer groups, set a 'limit', or increase [placement] "
        "candidates_search_seconds_max. `placement-manage db audit` reports missing "
        "database statistics."
    )


class SearchGivenUp(BadRequest):
    """The search takes too long here, or its answer would be too large."""


class Unauthorized(PlacementError):
    """The request has no valid credentials for this operation."""

    template = "The bearer token in the header Authorization is missing or not valid."


class Forbidden(PlacementError):
    """The caller is authenticated but lacks permission."""


class NotFound(PlacementError):
    """The named thing does not exist."""


class Gone(PlacementError):
    """What the caller continues from is not stored any more."""


class MethodNotAllowed(PlacementError):
    """The path does not support the method.

    ``allowed`` lists the supported methods for the ``Allow`` header; empty: no header.
    """

    template = "The method {method} is not allowed for this resource."


class NotAcceptable(PlacementError):
    """The response is not available in a form that the client accepts."""

    template = "Only {provided} is provided"


class UnsupportedMediaType(PlacementError):
    """The media type of the body is not supported."""

    template = "The media type {given} is not supported, use {wanted}"


class BodyTooLarge(PlacementError):
    """The body exceeds the size limit, ``limit`` bytes."""

    template = "The body is larger than the limit of {limit} bytes."


class TooManyLines(BodyTooLarge):
    """The body has more lines than ``limit``."""

    template = "The body has more lines than the limit of {limit}."


class Conflict(PlacementError):
    """The request is valid but conflicts with the stored state."""

    template = "{reason}"


class Unprocessable(PlacementError):
    """The request is valid, but contradicts an earlier one of the same caller."""

    template = "{reason}"


class Unavailable(PlacementError):
    """Something that the service depends on is temporarily unavailable."""

    retry_after_seconds = 1
    template = "{reason}"


class ConfigurationError(PlacementError):
    """The service cannot start as configured; the message says how to fix it."""

    template = "{reason}"


class PathNotFound(NotFound):
    """No operation has this path at this version. The message is empty."""

    template = ""


class PolicyNotAuthorized(Forbidden):
    template = "Policy does not allow {rule} to be performed."


class PolicyScopeNotAuthorized(Forbidden):
    """The rule does not allow the scope of the token."""

    template = "{rule}"


class VersionNotAcceptable(NotAcceptable):
    template = "Unacceptable version header: {given}"


class SchemaInvalid(BadRequest):
    template = "JSON does not validate: {reason}"


class QueryInvalid(BadRequest):
    template = "Invalid query string parameters: {reason}"


class QueryDuplicateKey(BadRequest):
    code = "placement.query.duplicate_key"


class QueryBadValue(BadRequest):
    code = "placement.query.bad_value"


class QueryMissingValue(BadRequest):
    code = "placement.query.missing_value"


class PageTokenInvalid(BadRequest):
    code = "placement.ext.page_token"
    template = (
        "The parameter 'page_token' must be the next_page_token of a response to the "
        "same query."
    )


class NamedRequestInvalid(BadRequest):
    """The query or version of the request ``name``, one of several, is invalid."""

    code = "placement.ext.query"

    def __init__(self, name: str, reason: object) -> None:
        self.name = name
        # The reason is a message itself, and is not truncated.
        super().__init__(reason=f"Request '{excerpt.of_text(name)}': {reason}")


class DuplicateRequestName(BadRequest):
    code = "placement.ext.duplicate_name"
    template = "The requests have the name '{name}' more than once."


class UnknownRoot(BadRequest):
    code = "placement.ext.unknown_root"
    template = "The member 'without' takes uuids of root providers. Not one: {uuid}"


class UnknownExcludedRoot(BadRequest):
    code = "placement.ext.unknown_root"
    template = "The member 'exclude' takes uuids of root providers. Not one: {uuid}"


class UnknownLostRoot(BadRequest):
    code = "placement.ext.unknown_root"
    template = "The member 'lose' takes uuids of root providers. Not one: {uuid}"


class AnalysisTooLarge(BadRequest):
    """More than ``most`` consumers, or different ones, would have to be held."""

    code = "placement.ext.too_large"
    template = (
        "The lost hosts have more than {most} consumers, or consumers with more than "
        "{most} different allocations. Name fewer hosts in the member 'lose'."
    )


class UnknownPreferredTraits(BadRequest):
    """``names`` are the unknown names, sorted and joined by commas."""

    code = "placement.ext.unknown_trait"
    template = "The member 'prefer' has unknown traits: {names}"


class DuplicateConsumer(BadRequest):
    code = "placement.ext.duplicate_consumer"
    template = "The body has consumer {uuid} more than once."


class UnknownTraits(BadRequest):
    """``names`` are the unknown names, sorted and joined by commas."""

    code = "placement.ext.unknown_trait"
    template = "The member 'by' has unknown traits: {names}"


class UnknownTraitsOfProvider(BadRequest):
    """``names`` are the unknown names, sorted and joined by commas."""

    code = "placement.ext.unknown_trait"
    template = "The member 'traits' has unknown traits: {names}"


class ResultTooLarge(BadRequest):
    """The answer would have ``count`` items, more than ``most``."""

    code = "placement.ext.too_large"
    template = (
        "The member 'by' asks for {count} counts, more than the {most} that one "
        "response can have. Send fewer requests at once."
    )


class ResourceProviderNotFound(NotFound):
    template = "No resource provider with uuid {uuid} found"


class ProviderNotFound(NotFound):
    """``wanted`` is neither the uuid nor the name of a provider."""

    template = "No resource provider has the uuid or name {wanted}."


class ResourceProviderNotFoundForDelete(NotFound):
    template = "No resource provider with uuid {uuid} found for delete"


class LimitsNotFound(NotFound):
    template = "No limit applies to the project {project_id}."


class OwnLimitsNotFound(NotFound):
    template = "The project {project_id} has no limits of its own."


class ResourceNotFound(NotFound):
    template = "{reason}"


class ReshapedProviderNotFound(BadRequest):
    code = "placement.resource_provider.not_found"
    template = (
        "Resource provider {uuid} in inventories not found: "
        "No resource provider with uuid {uuid} found"
    )


class DuplicateName(Conflict):
    """A name or uuid that must be unique is already in use."""

    code = "placement.duplicate_name"


class ProviderInOtherTree(Conflict):
    """A provider of a wanted tree exists below another root."""

    code = "placement.ext.other_tree"
    template = (
        "Resource provider {uuid} is in the tree of another root. Move it first, with "
        "PUT /resource_providers/{uuid}."
    )


class ResourceProviderInUse(Conflict):
    code = "placement.resource_provider.inuse"
    template = (
        "Unable to delete resource provider {uuid}: Resource provider has allocations."
    )


class CannotDeleteParent(Conflict):
    code = "placement.resource_provider.cannot_delete_parent"
    template = (
        "Unable to delete parent resource provider {uuid}: "
        "It has child resource providers."
    )


class ConcurrentUpdate(Conflict):
    """The generation that the caller read is no longer the stored one.

    The caller should read again and repeat the request.
    """

    code = "placement.concurrent_update"


class StaleGeneration(ConcurrentUpdate):
    template = (
        "Resource provider's generation already changed. "
        "Please update the generation and try again."
    )


class ConsumerGenerationConflict(ConcurrentUpdate):
    """``expected`` is the stored generation, ``given`` the caller's; None: absent."""

    template = "consumer generation conflict - expected {expected} but got {given}"

    def __init__(self, expected: int | None, given: float | None) -> None:
        stored = "null" if expected is None else expected
        super().__init__(expected=stored, given=given)


class ConsumersChanged(ConcurrentUpdate):
    """Consumers to release are unknown, or have another generation than is given.

    ``changed`` has them by uuid, with the stored generation or None, and the given one.
    """

    code = "placement.ext.consumers_changed"
    template = (
        "{count} of the {wanted} consumers are unknown or have another generation, "
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


class ConsumerExists(Conflict):
    """A consumer to place is there already."""

    code = "placement.ext.consumer_exists"
    template = "Consumer {uuid} exists already. Nothing was claimed."


class GroupPolicyConflict(Conflict):
    """The first claim of a group has fixed another policy than is given."""

    code = "placement.ext.group_policy"
    template = (
        "The group '{name}' has members and the policy '{policy}' with max_per_host "
        "{most}; a claim for it must give the same policy, max_per_host and 'over'."
    )


class HoldNotFound(NotFound):
    code = "placement.ext.hold_not_found"
    template = "Consumer {uuid} has no hold, or it has expired."


class NotOnThisMachine(Forbidden):
    template = (
        "One-time links work only in a browser on the machine of the server, without a "
        "proxy between them."
    )


class LinkNotFound(NotFound):
    code = "placement.ext.link_not_found"
    template = (
        "The link was used or has expired. Run `placement console` for a new one."
    )


class IdempotencyKeyReused(Unprocessable):
    code = "placement.ext.idempotency_key"
    template = "The Idempotency-Key was used for a request with another body."


class KeyInProgress(Conflict):
    """A request with the same Idempotency-Key has not ended in time."""

    code = "placement.ext.key_in_progress"
    template = (
        "A request with this Idempotency-Key is in progress. Repeat the request later, "
        "with the same key."
    )
    retry_after_seconds = 1


class NoCandidate(Conflict):
    """No candidate is left for a consumer; ``members`` say why."""

    code = "placement.ext.no_candidate"
    template = "No candidate for consumer {consumer}: {reason}. Nothing was claimed."

    def __init__(
        self, consumer: str, reason: str, cause: str, explain: dict[str, typing.Any]
    ) -> None:
        super().__init__(consumer=consumer, reason=reason)
        self.members = {"cause": cause, "explain": explain}


class InventoryNotFound(NotFound):
    template = "No inventory of class {resource_class} for {uuid}"


class InventoryNotFoundForDelete(NotFound):
    template = "No inventory of class {resource_class} found for delete"


class InventoryExists(ConcurrentUpdate):
    template = (
        "Update conflict: an inventory of class {resource_class} exists already "
        "on resource provider {uuid}"
    )


class InventoryInUse(Conflict):
    """``resource_classes`` are the names, in order of id, joined by commas."""

    code = "placement.inventory.inuse"
    template = (
        "Inventory for '{resource_classes}' on resource provider '{uuid}' in use."
    )


class InventoryUpdateInUse(InventoryInUse):
    """An update would remove a class that has allocations."""

    template = "update conflict: " + InventoryInUse.template


class InvalidInventory(Conflict):
    """An allocation is of a class that the provider has no inventory of."""

    template = (
        "Unable to allocate inventory: Inventory for '{resource_class}' on "
        "resource provider '{uuid}' invalid."
    )


class InventoryConstraintsViolated(Conflict):
    """The amount violates ``rule``: min_unit, max_unit or step_size."""

    template = (
        "Unable to allocate inventory: Unable to create allocation for "
        "'{resource_class}' on resource provider '{uuid}'. The requested amount "
        "{amount} would violate inventory constraints: {rule} is {limit}."
    )


class CapacityExceeded(Conflict):
    """``used`` plus ``amount`` would exceed ``capacity``."""

    template = (
        "Unable to allocate inventory: Unable to create allocation for "
        "'{resource_class}' on resource provider '{uuid}'. The requested amount "
        "would exceed the capacity: asked {amount}, used {used} of {capacity}."
    )


class ProviderNotInService(Conflict):
    """A new or larger allocation is of a provider that is ``state``."""

    code = "placement.ext.cordoned"
    template = (
        "Unable to allocate inventory: Resource provider '{uuid}' is {state}. It takes "
        "no new or larger allocations until it is in service again."
    )


class LimitExceeded(Conflict):
    """``used`` plus ``amount`` would exceed the ``limit`` of the project.

    ``resource_class`` may be ``consumers``.
    """

    code = "placement.ext.limit_exceeded"
    template = (
        "Unable to allocate inventory: The project {project_id} would exceed its limit "
        "of {resource_class}: asked {amount}, used {used} of {limit}."
    )


class ChangesDisabled(NotFound):
    """The feed of changes is off."""

    code = "placement.ext.disabled"
    template = (
        "The feed of changes is off; an operator turns it on with [changes] enabled."
    )


class ChangesCompacted(Gone):
    """``after`` is not a position from ``compacted`` to ``last``.

    It is too old, or the database was restored from a backup.
    """

    code = "placement.ext.compacted"
    template = (
        "The changes after position {after} are not available, only those after "
        "positions from {compacted} to {last}. Read everything that you follow again, "
        "and continue from a new position."
    )


class ResourceClassNotFound(NotFound):
    template = "No such resource class {name}."


class ResourceClassInUse(Conflict):
    template = (
        "Error in delete resource class: Class is in use in inventory. "
        "Cannot delete resource class {name}."
    )


class TraitNotFound(NotFound):
    """``names`` are the unknown names, sorted and joined by commas."""

    template = "No such trait(s): {names}."


class TraitInUse(Conflict):
    template = "The trait {name} is in use by a resource provider."


class ConsumerNotFound(NotFound):
    template = "No allocations for consumer '{uuid}'"
