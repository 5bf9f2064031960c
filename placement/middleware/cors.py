"""Cross-origin requests of browsers (CORS)."""

import typing

from placement.middleware import Headers, add_to_vary, changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.conf.settings import CorsSettings
    from placement.context import Service

# Headers that a browser may send without a preflight request.
_SIMPLE = {
    "accept",
    "accept-language",
    "content-type",
    "cache-control",
    "content-language",
    "expires",
    "last-modified",
    "pragma",
}


def wrap(app: "WSGIApplication", service: "Service") -> "WSGIApplication":
    """Answer preflight requests, and add the CORS headers for allowed origins.

    Without allowed origins, return ``app``: OPTIONS is then a method like others.
    """
    cors = service.settings.cors
    if not cors.allowed_origin:
        return app

    def cross_origin(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        origin = environ.get("HTTP_ORIGIN", "")
        is_allowed = bool(origin) and (
            origin in cors.allowed_origin or "*" in cors.allowed_origin
        )
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers = _preflight(environ, cors, origin) if is_allowed else []
            start_response("200 OK", [*headers, ("content-length", "0")])
            return [b""]
        if not is_allowed:
            return app(environ, start_response)

        def change(_status: str, headers: Headers) -> Headers:
            return add_to_vary(
                headers + _common(cors, origin) + _exposed(cors), "Origin"
            )

        return app(environ, changing_headers(start_response, change))

    return cross_origin


def _preflight(
    environ: "WSGIEnvironment", cors: "CorsSettings", origin: str
) -> Headers:
    """Return the headers that allow the announced request; none if it is refused."""
    method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "")
    if method not in cors.allow_methods:
        return []
    requested = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    wanted = [name.strip() for name in requested.split(",") if name.strip()]
    allowed = _SIMPLE | {name.lower() for name in cors.allow_headers}
    if not {name.lower() for name in wanted} <= allowed:
        return []
    headers = [
        *_common(cors, origin),
        ("Vary", "Origin"),
        ("Access-Control-Max-Age", str(cors.max_age)),
        ("Access-Control-Allow-Methods", method),
    ]
    if wanted:
        headers.append(("Access-Control-Allow-Headers", ",".join(wanted)))
    return headers


def _common(cors: "CorsSettings", origin: str) -> Headers:
    headers = [("Access-Control-Allow-Origin", origin)]
    if cors.allow_credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return headers


def _exposed(cors: "CorsSettings") -> Headers:
    if not cors.expose_headers:
        return []
    return [("Access-Control-Expose-Headers", ",".join(cors.expose_headers))]
