"""What can go wrong when somebody uses the API, one class per failure.

The service names a failure with a status and a stable ``code``; where the API has
no code of its own for a case that callers must tell apart, its text decides, and
only here.
"""

import json
import typing
from collections.abc import Mapping


class ClientError(Exception):
    """Base of every failure of the client.

    ``status`` is the HTTP status, or None when there was no answer. ``code`` is the
    stable name of the failure (``placement.undefined_code`` if it has none),
    ``detail`` the sentence for people, ``request_id`` what to look for in the log of
    the service.
    """

    def __init__(
        self,
        detail: str,
        status: int | None = None,
        code: str = "placement.undefined_code",
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.request_id = request_id


class BadRequest(ClientError):
    """400: the request is wrong, whatever is stored. Repeating it cannot help."""


class Unauthorized(ClientError):
    """401: no token, or one that the service does not accept."""


class Forbidden(ClientError):
    """403: the token is good, but a policy does not allow the operation."""


class NotFound(ClientError):
    """404: the thing named does not exist."""


class NotAcceptable(ClientError):
    """406: the service does not know the microversion asked for."""


class Conflict(ClientError):
    """409: the request is sound, but the stored state does not allow it."""


class ConcurrentUpdate(Conflict):
    """Somebody changed the thing first: read again, and repeat the request."""


class ConsumerConflict(ConcurrentUpdate):
    """The consumer is not at the generation given, or exists already."""


class DuplicateName(Conflict):
    """A provider has this name or uuid already."""


class InventoryInUse(Conflict):
    """An inventory cannot go while it has allocations."""


class ProviderInUse(Conflict):
    """A provider cannot go while it has allocations."""


class ProviderHasChildren(Conflict):
    """A provider cannot go before its children."""


class CapacityExceeded(Conflict):
    """There is not enough room for the amount at this moment."""


class ConstraintViolation(Conflict):
    """An amount breaks min_unit, max_unit or step_size of an inventory."""


class InventoryInvalid(Conflict):
    """A provider has no inventory of a class that is to be allocated from it."""


class ServerError(ClientError):
    """5xx: the service failed."""


class Unavailable(ServerError):
    """502, 503 or 504: not now; the same request may succeed later."""


class Unreachable(Unavailable):
    """There was no answer; a request that writes may still have been served."""


class TimedOut(Unreachable):
    """No answer in time; a request that writes may still be served."""


class UnexpectedAnswer(ClientError):
    """What answered does not speak the Placement API."""


class ServerNotLocated(ClientError):
    """Nothing says where the service is, or which token it takes."""


_BY_STATUS: Mapping[int, type[ClientError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    406: NotAcceptable,
    409: Conflict,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

_CONFLICT_BY_CODE: Mapping[str, type[Conflict]] = {
    "placement.concurrent_update": ConcurrentUpdate,
    "placement.duplicate_name": DuplicateName,
    "placement.inventory.inuse": InventoryInUse,
    "placement.resource_provider.inuse": ProviderInUse,
    "placement.resource_provider.cannot_delete_parent": ProviderHasChildren,
}

# Conflicts whose code says less than their text.
_CONFLICT_BY_TEXT: tuple[tuple[str, type[Conflict]], ...] = (
    ("consumer generation conflict", ConsumerConflict),
    ("would violate inventory constraints", ConstraintViolation),
    ("exceed the capacity", CapacityExceeded),
    ("' invalid.", InventoryInvalid),
)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """Return the failure that an answer other than 2xx stands for.

    ``headers`` has its names in lower case. A body that is not an error document
    (a proxy answered, say) is quoted, shortened, as the detail.
    Source: API reference, "Errors".
    """
    error = _error_object(body)
    detail = str(error.get("detail") or error.get("message") or "")
    # The service puts a generic sentence first and what happened on the last line.
    detail = detail.strip().rpartition("\n")[2].strip()
    code = error.get("code")
    if not isinstance(code, str):
        code = "placement.undefined_code"
    request_id = error.get("request_id") or headers.get("x-openstack-request-id")
    kind = _kind(status, code, detail)
    return kind(detail or _quoted(status, body), status, code, request_id)


def _kind(status: int, code: str, detail: str) -> type[ClientError]:
    if status == 409:
        for text, kind in _CONFLICT_BY_TEXT:
            if text in detail:
                return kind
        return _CONFLICT_BY_CODE.get(code, Conflict)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ServerError
    return ClientError if status >= 400 else UnexpectedAnswer


def _error_object(body: bytes) -> Mapping[str, typing.Any]:
    """Return the innermost object that describes the failure, or an empty one."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    if isinstance(document, dict):
        errors = document.get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):
            return errors[0]
        # Token middleware answers in a form of its own.
        inner = document.get("error", document)
        return inner if isinstance(inner, dict) else {}
    return {}


def _quoted(status: int, body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return f"HTTP status {status}: {text[:200]}" if text else f"HTTP status {status}"
