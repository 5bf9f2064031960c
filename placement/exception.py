"""Failures that a caller of the API can act on.

A class says what went wrong; its base says what kind of failure it is. The
kind is turned into an HTTP status in one place, at the edge of the service, so
nothing below the handlers knows about HTTP.
"""

import typing

from placement import excerpt


class PlacementError(Exception):
    """Base of every expected failure.

    ``code`` is a stable string that programs compare. ``template`` is the
    sentence that people read; it is filled from the keyword arguments, which
    stay available as ``details``. In the sentence they are cut where they are long;
    ``reason`` is a sentence itself, in which whoever makes it cuts what is long.
    """

    code = "placement.undefined_code"
    template = "The request could not be served."

    def __init__(self, **details: typing.Any) -> None:
        self.details = details
        shown = {
            name: value if name == "reason" else excerpt.of_text(value)
            for name, value in details.items()
        }
        super().__init__(self.template.format(**shown))


class BadRequest(PlacementError):
    """The request itself is wrong, whatever is stored."""

    template = "{reason}"


class DatabaseTooSlow(BadRequest):
    """The database may not work any longer for this request; ``seconds`` is how long.

    The next one with the same question would take as long.
    """

    template = (
        "The search was given up: the database has not answered within {seconds} "
        "seconds. Ask for fewer groups, give a 'limit', or set [placement] "
        "candidates_search_seconds_max; `placement-manage db audit` tells whether the "
        "database lacks statistics."
    )


class Forbidden(PlacementError):
    """The caller is known, and may not do this."""


class NotFound(PlacementError):
    """The thing named does not exist."""


class MethodNotAllowed(PlacementError):
    """The path is known; this method is not among those that it serves.

    ``allowed`` lists those methods; empty means that none is to be named.
    """

    template = "The method {method} is not allowed for this resource."


class NotAcceptable(PlacementError):
    """The client wants the answer in a form that there is not."""

    template = "Only {provided} is provided"


class UnsupportedMediaType(PlacementError):
    """The body came in a form that is not read."""

    template = "The media type {given} is not supported, use {wanted}"


class BodyTooLarge(PlacementError):
    """The body has more bytes than are read."""

    template = "The body is larger than the {limit} bytes that are accepted."


class Conflict(PlacementError):
    """The request is sound, but the stored state does not allow it."""

    template = "{reason}"


class Unavailable(PlacementError):
    """Something that the service needs cannot be reached; it may come back."""

    template = "{reason}"


class ConfigurationError(PlacementError):
    """The service cannot start as configured; the text says how to mend it."""

    template = "{reason}"


class PathNotFound(NotFound):
    """No operation lives at the path, or none at this version. It has no text."""

    template = ""


class PolicyNotAuthorized(Forbidden):
    template = "Policy does not allow {rule} to be performed."


class PolicyScopeNotAuthorized(Forbidden):
    """The token's scope is not one that the rule is for."""

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
        "The parameter 'page_token' must be the next_page_token of an answer to the "
        "same query."
    )


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
    """A name or uuid that must be unique is taken."""

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

    The cure is to read again and repeat the request.
    """

    code = "placement.concurrent_update"


class StaleGeneration(ConcurrentUpdate):
    template = (
        "Resource provider's generation already changed. "
        "Please update the generation and try again."
    )


class ConsumerGenerationConflict(ConcurrentUpdate):
    """``expected`` is what is stored, ``given`` what the caller read; None: absent."""

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
    """``resource_classes`` are the names, by ascending id, joined by commas."""

    code = "placement.inventory.inuse"
    template = (
        "Inventory for '{resource_classes}' on resource provider '{uuid}' in use."
    )


class InventoryUpdateInUse(InventoryInUse):
    """An update would take away a class that has allocations."""

    template = "update conflict: " + InventoryInUse.template


class InvalidInventory(Conflict):
    """An allocation names a class that the provider has no inventory of."""

    template = (
        "Unable to allocate inventory: Inventory for '{resource_class}' on "
        "resource provider '{uuid}' invalid."
    )


class InventoryConstraintsViolated(Conflict):
    """The amount breaks ``rule``: min_unit, max_unit or step_size."""

    template = (
        "Unable to allocate inventory: Unable to create allocation for "
        "'{resource_class}' on resource provider '{uuid}'. The requested amount "
        "{amount} would violate inventory constraints: {rule} is {limit}."
    )


class CapacityExceeded(Conflict):
    """``amount`` more units do not fit beside ``used`` in ``capacity``."""

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
