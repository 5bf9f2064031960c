"""The failures of the client, one class for each.

The status and ``code`` of a response select the class. If the API has no separate code
for a failure that callers must distinguish, its text decides.
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
        "placement.ext.body_too_large",
        "placement.ext.compacted",
        "placement.ext.concurrent_update",
        "placement.ext.conflict",
        "placement.ext.cordoned",
        "placement.ext.consumer_exists",
        "placement.ext.consumers_changed",
        "placement.ext.duplicate_consumer",
        "placement.ext.disabled",
        "placement.ext.duplicate_name",
        "placement.ext.forbidden",
        "placement.ext.group_policy",
        "placement.ext.hold_not_found",
        "placement.ext.idempotency_key",
        "placement.ext.key_in_progress",
        "placement.ext.inventory.inuse",
        "placement.ext.limit_exceeded",
        "placement.ext.link_not_found",
        "placement.ext.method_not_allowed",
        "placement.ext.no_candidate",
        "placement.ext.not_acceptable",
        "placement.ext.not_found",
        "placement.ext.other_tree",
        "placement.ext.page_token",
        "placement.ext.query",
        "placement.ext.resource_provider.inuse",
        "placement.ext.too_large",
        "placement.ext.unauthorized",
        "placement.ext.unavailable",
        "placement.ext.unknown_root",
        "placement.ext.unknown_trait",
        "placement.ext.unprocessable",
        "placement.ext.unsupported_media_type",
    }
)

# The last sentence of a 503 if the service has rolled the request back.
NOTHING_CHANGED = "Nothing was changed."

# In the text of a 409 if other writers kept changing the same rows.
LOST_RACE = "concurrently updated"

_NO_HEADERS: Mapping[str, str] = types.MappingProxyType({})


class ClientError(Exception):
    """Base of every failure of the client.

    ``status`` is the HTTP status, None without a response. ``code`` is one of
    ``CODES``, for programs; ``detail`` the message for people; ``request_id``
    identifies the request in the log of the service; ``headers`` of the response have
    lower-case names.
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
        """Seconds to wait before a repetition, if the response has ``Retry-After``."""
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
        """Whether a write with this failure may have taken effect."""
        return False


class BadRequest(ClientError):
    """400: the request is invalid, regardless of the stored state."""


class Unauthorized(ClientError):
    """401: the token is missing or invalid."""


class Forbidden(ClientError):
    """403: the policy does not allow the operation."""


class NotFound(ClientError):
    """404: the named thing does not exist."""


class Gone(ClientError):
    """410: what the request continues from is not stored any more."""


class NotAcceptable(ClientError):
    """406: the service does not support the requested microversion."""


class Conflict(ClientError):
    """409: the request conflicts with the stored state."""


class ConcurrentUpdate(Conflict):
    """Another writer came first: read again, and repeat the request."""


class ConsumerConflict(ConcurrentUpdate):
    """The given generation of the consumer is not the stored one."""


class ConsumersChanged(ConcurrentUpdate):
    """Consumers to release are unknown or have another generation.

    ``generations`` has the stored ones by uuid, None for unknown consumers.
    """

    generations: Mapping[str, int | None] = types.MappingProxyType({})


class DuplicateName(Conflict):
    """A provider with this name or uuid already exists."""


class InventoryInUse(Conflict):
    """An inventory with allocations cannot be removed."""


class ProviderInUse(Conflict):
    """A provider with allocations cannot be deleted."""


class ProviderHasChildren(Conflict):
    """A provider with children cannot be deleted."""


class CapacityExceeded(Conflict):
    """The amount exceeds the room that is left."""


class LimitExceeded(Conflict):
    """A limit of the project leaves no room for the amount, on any provider."""


class ConstraintViolation(Conflict):
    """An amount violates min_unit, max_unit or step_size of an inventory."""


class ProviderNotInService(Conflict):
    """A new or larger allocation is of a provider that is cordoned or quarantined."""


class InventoryInvalid(Conflict):
    """A provider has no inventory of a requested class."""


class NoCandidate(Conflict):
    """Nothing fits a consumer to place.

    ``cause`` is a word for programs, and ``explain`` the document of an explanation.
    """

    cause: str = ""
    explain: Mapping[str, typing.Any] = types.MappingProxyType({})


class KeyInProgress(Conflict):
    """An earlier request with the same idempotency key has not ended yet."""


class ServerError(ClientError):
    """5xx: the service failed."""

    @property
    def is_outcome_unknown(self) -> bool:
        return not self.detail.endswith(NOTHING_CHANGED)


class Unavailable(ServerError):
    """502, 503 or 504: the same request may succeed later."""


class Unreachable(Unavailable):
    """There was no response; a write may have taken effect."""


class TimedOut(Unreachable):
    """There was no response in time; a write may still take effect."""


class UnexpectedAnswer(ClientError):
    """The response is not that of a Placement service."""

    @property
    def is_outcome_unknown(self) -> bool:
        return True


class ServerNotLocated(ClientError):
    """The endpoint or token of the service is not known."""


_BY_STATUS: Mapping[int, type[ClientError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    406: NotAcceptable,
    409: Conflict,
    410: Gone,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

_CONFLICT_BY_CODE: Mapping[str, type[Conflict]] = {
    "placement.concurrent_update": ConcurrentUpdate,
    "placement.duplicate_name": DuplicateName,
    "placement.ext.consumers_changed": ConsumersChanged,
    "placement.ext.cordoned": ProviderNotInService,
    "placement.inventory.inuse": InventoryInUse,
    "placement.resource_provider.inuse": ProviderInUse,
    "placement.resource_provider.cannot_delete_parent": ProviderHasChildren,
    "placement.ext.key_in_progress": KeyInProgress,
    "placement.ext.concurrent_update": ConcurrentUpdate,
    "placement.ext.duplicate_name": DuplicateName,
    "placement.ext.inventory.inuse": InventoryInUse,
    "placement.ext.resource_provider.inuse": ProviderInUse,
    "placement.ext.no_candidate": NoCandidate,
    "placement.ext.limit_exceeded": LimitExceeded,
}

# Conflicts with a text that is more specific than their code.
_CONFLICT_BY_TEXT: tuple[tuple[str, type[Conflict]], ...] = (
    ("consumer generation conflict", ConsumerConflict),
    ("would violate inventory constraints", ConstraintViolation),
    ("exceed the capacity", CapacityExceeded),
    ("' invalid.", InventoryInvalid),
)


# What follows the first sentence of a jsonschema error: the rule, the schema, the
# value. Line breaks may have been replaced by spaces.
_SCHEMA_DUMP = re.compile(
    r"\sFailed validating .*?(?:\sOn instance(?P<path>(?:\[[^\]]*\])*):\s.*)?$",
    re.DOTALL,
)

_QUOTED_CHARACTERS_MAX = 200
_READ_CHARACTERS_MAX = 20_000


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """Return the failure for a response other than 2xx.

    ``headers`` has lower-case names. If the body is not an error document but, for
    example, the HTML page of a proxy, its truncated text becomes the detail.
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
    failure = kind(detail, status, code, request_id, headers)
    if isinstance(failure, NoCandidate):
        failure.cause = error.get("cause", "")
        failure.explain = error.get("explain", {})
    if isinstance(failure, ConsumersChanged):
        failure.generations = {
            each["uuid"]: each["generation"] for each in error.get("consumers", ())
        }
    return failure


def _explanation(error: Mapping[str, typing.Any]) -> str:
    """Return the specific part of a message, without the generic sentence before it."""
    texts = (error.get("detail"), error.get("message"))
    text = next((text for text in texts if text and isinstance(text, str)), "")
    generic, _, specific = text.strip().partition("\n\n")
    return (specific or generic).strip()


def _without_schema(explanation: str) -> str:
    """Reduce a jsonschema error to its first sentence and the path of the value."""
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
        # Authentication middleware has a different form.
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
