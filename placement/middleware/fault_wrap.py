"""Turn failures into error documents: the only table of kinds and statuses."""

import logging
import typing

from placement import exception
from placement.api import errors
from placement.api.environ import REQUEST_ID, VERSION

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

LOG = logging.getLogger(__name__)

# The status of each kind of failure.
STATUS: dict[type[exception.PlacementError], int] = {
    exception.BadRequest: 400,
    exception.Unauthorized: 401,
    exception.Forbidden: 403,
    exception.NotFound: 404,
    exception.MethodNotAllowed: 405,
    exception.NotAcceptable: 406,
    exception.Conflict: 409,
    exception.Gone: 410,
    exception.BodyTooLarge: 413,
    exception.UnsupportedMediaType: 415,
    exception.Unprocessable: 422,
    exception.Unavailable: 503,
}

# Shows no internals; they are in the log.
_UNEXPECTED = "The server met an error that it did not expect. See its log for details."


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Answer what ``app`` raises with an error document."""

    def answer(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        try:
            return app(environ, start_response)
        except exception.PlacementError as failure:
            return _respond(failure, environ, start_response)
        except Exception:
            LOG.exception(
                "Unexpected failure of %s; the request got 500. Please report it with "
                "the traceback.",
                environ.get(REQUEST_ID),
            )
            unexpected = exception.PlacementError()
            return _respond(unexpected, environ, start_response)

    return answer


def status_of(failure: exception.PlacementError) -> int:
    """Return the status of the failure's kind; 500 for one without a kind."""
    kinds = (STATUS[kind] for kind in type(failure).__mro__ if kind in STATUS)
    return next(kinds, 500)


def _respond(
    failure: exception.PlacementError,
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
) -> list[bytes]:
    status = status_of(failure)
    document = errors.document(
        status,
        _UNEXPECTED if status == 500 else str(failure),
        environ,
        environ.get(REQUEST_ID, ""),
        failure.code,
        environ.get(VERSION),
        has_versions=isinstance(failure, exception.VersionNotAcceptable),
        members=failure.members,
    )
    headers = [
        ("content-type", document.content_type),
        ("content-length", str(len(document.body))),
    ]
    if failure.details.get("allowed"):
        headers.append(("allow", failure.details["allowed"]))
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))
    if failure.retry_after_seconds is not None:
        headers.append(("retry-after", str(failure.retry_after_seconds)))
    start_response(f"{status} {errors.title(status)}", headers)
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    return [b"" if is_head else document.body]
