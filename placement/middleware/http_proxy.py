"""Behind a proxy: scheme, host, client and prefix as the client saw them."""

import typing

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service


def wrap(app: "WSGIApplication", service: "Service") -> "WSGIApplication":
    """Read ``Forwarded`` or ``X-Forwarded-*``, if the configuration says so.

    Anybody can send these headers; they are believed only where a proxy is known
    to set them.
    """
    if not service.settings.proxy.enable_proxy_headers_parsing:
        return app

    def behind_proxy(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        forwarded = _forwarded(environ)
        if forwarded.get("proto"):
            environ["wsgi.url_scheme"] = forwarded["proto"]
        if forwarded.get("host"):
            environ["HTTP_HOST"] = forwarded["host"]
        if forwarded.get("for"):
            environ["REMOTE_ADDR"] = forwarded["for"]
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")
        if prefix:
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")
        return app(environ, start_response)

    return behind_proxy


def _forwarded(environ: "WSGIEnvironment") -> dict[str, str]:
    """Return ``proto``, ``host`` and ``for``, as the outermost proxy told them."""
    if "HTTP_FORWARDED" in environ:
        first = environ["HTTP_FORWARDED"].split(",")[0]
        pairs = (part.strip().partition("=") for part in first.split(";"))
        return {name.lower(): value.strip('"') for name, _, value in pairs}
    return {
        name: environ.get(f"HTTP_X_FORWARDED_{name.upper()}", "").split(",")[0].strip()
        for name in ("proto", "host", "for")
    }
