"""The microversion of a request."""

import typing

from placement.api import microversion
from placement.api.environ import VERSION
from placement.middleware import Headers, add_to_vary, changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Set the version in the environ, and add it to the response.

    A request for an unsupported version does not reach ``app``.
    """

    def versioned(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        version = microversion.requested(environ.get("HTTP_OPENSTACK_API_VERSION"))
        environ[VERSION] = version

        def change(_status: str, headers: Headers) -> Headers:
            used = (microversion.HEADER, f"{microversion.SERVICE_TYPE} {version}")
            return add_to_vary([*headers, used], microversion.HEADER)

        return app(environ, changing_headers(start_response, change))

    return versioned
