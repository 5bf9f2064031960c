"""What can go wrong when somebody uses the API, one class per failure.

The service names a failure with a status and a stable ``code``; where the API has
no code of its own for a case that callers must tell apart, its text decides, and
only here.
"""

import email.utils
import json
import re
import time
import types
import typing
from collections.abc import Mapping

UNDEFINED_CODE = "placement.undefined_code"

# Every value of ``ClientError.code``.
CODES = frozenset(
    {
        UNDEFINED_CODE,
        "placement.concurrent_update",
        "placement.duplicate_name",
        "placement.inventory.inuse",
        "placement.resource_provider.inuse",
        "placement.resource_provider.cannot_delete_parent",
        "placement.resource_provider.not_found",
        "placement.query.duplicate_key",
        "placement.query.bad_value",
        "placement.query.missing_value",
        "placement.ext.bad_request",
        "placement.ext.forbidden",
        "placement.ext.method_not_allowed",
        "placement.ext.not_found",
        "placement.ext.page_token",
    }
)

# The service ends the text of a 503 with this where it has rolled the request back.
NOTHING_CHANGED = "Nothing was changed."

# In the text of a 409 where other writers kept changing the same rows.
LOST_RACE = "concurrently updated"

_NO_HEADERS: Mapping[str, str] = types.MappingProxyType({})


class ClientError(Exception):
    """Base of every failure of the client.

    ``status`` is the HTTP status, or None when there was no answer. ``code`` is the
    stable name of the failure, one of ``CODES``; ``detail`` the sentence for people;
    ``request_id`` what to look for in the log of the service; ``headers`` those of
    the answer, with names in lower case.
    """

    def __init__(
        self,
        detail: str,
        status: int | None = None,
        code: str = UNDEFINED_CODE,
        request_id: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.request_id = request_id
        self.headers = headers

    @property
    def retry_after_seconds(self) -> float | None:
        """Seconds to wait before the next try, if the answer has ``Retry-After``."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            date = email.utils.parsedate_to_datetime(value)
            return max(0.0, date.timestamp() - time.time())
        except (ValueError, OverflowError):
            return None

    @property
    def is_outcome_unknown(self) -> bool:
        """Whether a write that failed like this may have been done after all."""
        return False


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

    @property
    def is_outcome_unknown(self) -> bool:
        return not self.detail.endswith(NOTHING_CHANGED)


class Unavailable(ServerError):
    """502, 503 or 504: not now; the same request may succeed later."""


class Unreachable(Unavailable):
    """There was no answer; a request that writes may still have been served."""


class TimedOut(Unreachable):
    """No answer in time; a request that writes may still be served."""


class UnexpectedAnswer(ClientError):
    """What answered does not speak the Placement API."""

    @property
    def is_outcome_unknown(self) -> bool:
        return True


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


# How jsonschema continues its first sentence: the rule, the schema, the value. The
# line breaks between them may have been replaced by spaces.
_SCHEMA_DUMP = re.compile(
    r"\sFailed validating .*?(?:\sOn instance(?P<path>(?:\[[^\]]*\])*):\s.*)?$",
    re.DOTALL,
)

_QUOTED_CHARACTERS_MAX = 200
_READ_CHARACTERS_MAX = 20_000


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """Return the failure that an answer other than 2xx stands for.

    ``headers`` has its names in lower case. A body that is not an error document,
    such as the page of a proxy, gives the detail as text, without markup and
    shortened.
    Source: API reference, "Errors".
    """
    error = _error_object(body)
    explanation = _explanation(error)
    code = error.get("code")
    if not isinstance(code, str) or code not in CODES:
        code = UNDEFINED_CODE
    request_id = error.get("request_id") or headers.get("x-openstack-request-id")
    kind = _kind(status, code, explanation)
    detail = _without_schema(explanation) or _quoted(status, headers, body)
    return kind(detail, status, code, request_id, headers)


def _explanation(error: Mapping[str, typing.Any]) -> str:
    """Return what happened: a generic sentence and an empty line may precede it."""
    texts = (error.get("detail"), error.get("message"))
    text = next((text for text in texts if text and isinstance(text, str)), "")
    generic, _, specific = text.strip().partition("\n\n")
    return (specific or generic).strip()


def _without_schema(explanation: str) -> str:
    """Reduce a message of jsonschema to its first sentence and the place it means."""
    found = _SCHEMA_DUMP.search(explanation)
    sentence = explanation[: found.start()] if found else explanation
    sentence = " ".join(sentence.split())
    if found and found["path"]:
        steps = re.findall(r"\[([^\]]*)\]", found["path"])
        sentence += f" (in {'/'.join(step.strip(chr(39)) for step in steps)})"
    return sentence


def _kind(status: int, code: str, explanation: str) -> type[ClientError]:
    if status == 409:
        for text, kind in _CONFLICT_BY_TEXT:
            if text in explanation:
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
    except (ValueError, RecursionError):
        return {}
    if isinstance(document, dict):
        errors = document.get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):
            return errors[0]
        # Token middleware answers in a form of its own.
        inner = document.get("error", document)
        return inner if isinstance(inner, dict) else {}
    return {}


def _quoted(status: int, headers: Mapping[str, str], body: bytes) -> str:
    text = body.decode("utf-8", "replace")[:_READ_CHARACTERS_MAX]
    is_html = "html" in headers.get("content-type", "") or text.lstrip()[:1] == "<"
    if is_html:
        from placement.client import html  # noqa: PLC0415 - slow

        text = html.visible_text(text)
    text = " ".join(text.split())
    text = "".join(each for each in text if each.isprintable())
    if not text:
        return f"HTTP status {status}"
    return f"HTTP status {status}: {text[:_QUOTED_CHARACTERS_MAX]}"
