"""``GET /openapi.json``: the OpenAPI document, beside the versioned API.

No operation of the API lives at that path, at any microversion. Needs a token, as
everything but the version document does, and no role.
"""

import typing

from placement import exception, excerpt
from placement.api import microversion, openapi
from placement.api.microversion import MAX_VERSION, Version
from placement.api.querystring import Query

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

PATH = "/openapi.json"
_PARAMETER = "version"


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Answer the one path, and let all others pass."""

    def described(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        if environ.get("PATH_INFO") != PATH:
            return app(environ, start_response)
        method = environ["REQUEST_METHOD"]
        if method != "GET":
            raise exception.MethodNotAllowed(method=method, allowed="GET")
        version = _version(environ.get("QUERY_STRING", ""))
        body = openapi.render(version, environ.get("SCRIPT_NAME") or "/")
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        ]
        start_response("200 OK", headers)
        return [body]

    return described


def _version(query_string: str) -> Version:
    """Return the version that ``?version=`` names; without it the newest.

    Raises BadRequest and VersionNotAcceptable.
    """
    query = Query.parse(query_string.encode("latin-1"))
    for name, _ in query:
        if name != _PARAMETER:
            raise exception.QueryInvalid(
                reason=f"'{excerpt.of_text(name)}' is not a parameter; "
                f"there is '{_PARAMETER}'"
            )
    given = query.last(_PARAMETER)
    return MAX_VERSION if given is None else microversion.parse(given)
