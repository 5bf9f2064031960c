"""Every request gets an id, which every response tells."""

import re
import typing
import uuid

from placement.middleware import changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

REQUEST_ID = "placement.request_id"
GLOBAL_REQUEST_ID = "placement.global_request_id"
HEADER = "x-openstack-request-id"

_FORM = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Give the request an id; an id that the client sends is only remembered."""

    def identified(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        request_id = environ[REQUEST_ID] = f"req-{uuid.uuid4()}"
        given = environ.get("HTTP_X_OPENSTACK_REQUEST_ID", "")
        if _FORM.fullmatch(given):
            environ[GLOBAL_REQUEST_ID] = given
        # A client that does not say what it likes gets what there is.
        if environ.get("HTTP_ACCEPT", "") in ("", "*/*"):
            environ["HTTP_ACCEPT"] = "application/json"
        told = changing_headers(
            start_response, lambda _, headers: [*headers, (HEADER, request_id)]
        )
        return app(environ, told)

    return identified
