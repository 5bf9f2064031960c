"""Kinds of failures, and the failures of the versioned API.

Each failure has a class, whose base class is its kind. Only the edge of the service
maps kinds to HTTP statuses, so nothing below the handlers depends on HTTP.
"""

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


class ResourceProviderNotFound(NotFound):
    template = "No resource provider with uuid {uuid} found"


class ResourceProviderNotFoundForDelete(NotFound):
    template = "No resource provider with uuid {uuid} found for delete"


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
