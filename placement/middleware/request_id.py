"""The id of a request, in its response and in its log lines."""

import re
import typing
import uuid

from oslo_context import context as log_context

from placement.api.environ import ACCEPT, REQUEST_ID
from placement.logs import context
from placement.middleware import changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

HEADER = "x-openstack-request-id"

_FORM = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Give each request an id. An id that the client sends is only logged.

    Both are in the oslo.log context of the thread while it answers the request.
    """

    def identified(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        request_id = environ[REQUEST_ID] = new()
        given = environ.get("HTTP_X_OPENSTACK_REQUEST_ID", "")
        global_id = given if _FORM.fullmatch(given) else None
        environ[ACCEPT] = environ.get("HTTP_ACCEPT", "")
        # JSON is the default for errors, too.
        if environ[ACCEPT] in ("", "*/*"):
            environ["HTTP_ACCEPT"] = "application/json"
        with_id = changing_headers(
            start_response, lambda _, headers: [*headers, (HEADER, request_id)]
        )
        before = context.to_restore()
        log_context.RequestContext(request_id=request_id, global_request_id=global_id)
        try:
            return app(environ, with_id)
        finally:
            before.update_store()

    return identified


def new() -> str:
    return f"req-{uuid.uuid4()}"


def add_to_log(**facts: typing.Any) -> None:
    """Add ``facts`` to the log context of the current request.

    They are attributes of an oslo.context context, such as ``user_id``.
    """
    current = log_context.get_current()
    if current:
        for name, value in facts.items():
            setattr(current, name, value)
