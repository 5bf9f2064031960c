"""Every request gets an id, which every response and every line of its log has."""

import re
import typing
import uuid

from oslo_context import context as log_context

from placement.api.environ import REQUEST_ID
from placement.middleware import changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

HEADER = "x-openstack-request-id"

_FORM = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Nothing(log_context.RequestContext):
    """What the thread has between two requests: for oslo.log it is no context."""

    def __bool__(self) -> bool:
        return False


_NOTHING = _Nothing(overwrite=False)


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Give the request an id; an id that the client sends is only logged.

    While the request is answered, its thread has both in the context of oslo.log.
    """

    def identified(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        request_id = environ[REQUEST_ID] = new()
        given = environ.get("HTTP_X_OPENSTACK_REQUEST_ID", "")
        global_id = given if _FORM.fullmatch(given) else None
        # A client that does not say what it likes gets what there is.
        if environ.get("HTTP_ACCEPT", "") in ("", "*/*"):
            environ["HTTP_ACCEPT"] = "application/json"
        told = changing_headers(
            start_response, lambda _, headers: [*headers, (HEADER, request_id)]
        )
        # A program that has the service inside of it may have a context of its own.
        before = log_context.get_current() or _NOTHING
        log_context.RequestContext(request_id=request_id, global_request_id=global_id)
        try:
            return app(environ, told)
        finally:
            before.update_store()

    return identified


def new() -> str:
    return f"req-{uuid.uuid4()}"


def add_to_log(**facts: typing.Any) -> None:
    """Add ``facts`` to the log context of the request that this thread answers.

    They are attributes of a context of oslo.context, such as ``user_id``.
    """
    context = log_context.get_current()
    if context:
        for name, value in facts.items():
            setattr(context, name, value)
