"""The headers of a reverse proxy.

Unlike Werkzeug's ProxyFix, this reads ``Forwarded``, and takes the values of the proxy
that is nearest to the client.
"""

import collections.abc
import re
import typing

from placement.api.host import is_host

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

# The accepted form of each value; it goes into URLs and into the log.
_FORMS: dict[str, collections.abc.Callable[[str], object]] = {
    "proto": re.compile("https?", re.IGNORECASE).fullmatch,
    "host": is_host,
    # An address, with or without a port, or an obfuscated name.
    "for": re.compile(r"[A-Za-z0-9.:_\[\]-]{1,253}").fullmatch,
    "prefix": re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)+/?").fullmatch,
}

# One pair of Forwarded, and the separator after it. Source: RFC 7239, section 4.
_PAIR = re.compile(r"""\s*([\w-]+)=("(?:[^"\\]|\\.)*"|[^",;\s]*)\s*([;,]|$)""")
_ESCAPED = re.compile(r"\\(.)")


def wrap(app: "WSGIApplication", service: "Service") -> "WSGIApplication":
    """Apply ``Forwarded`` or ``X-Forwarded-*``, if the configuration enables it.

    Any client can send these headers, so they are ignored unless a proxy sets them.
    """
    if not service.settings.proxy.enable_proxy_headers_parsing:
        return app

    def behind_proxy(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        forwarded = _forwarded(environ)
        if "proto" in forwarded:
            environ["wsgi.url_scheme"] = forwarded["proto"].lower()
        if "host" in forwarded:
            environ["HTTP_HOST"] = forwarded["host"]
        if "for" in forwarded:
            environ["REMOTE_ADDR"] = forwarded["for"]
        if "prefix" in forwarded:
            prefix = forwarded["prefix"].rstrip("/")
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")
        return app(environ, start_response)

    return behind_proxy


def _forwarded(environ: "WSGIEnvironment") -> dict[str, str]:
    """Return ``proto``, ``host``, ``for`` and ``prefix``, as the first proxy set them.

    Missing and malformed values are left out.
    """
    if "HTTP_FORWARDED" in environ:
        given = _first_element(environ["HTTP_FORWARDED"])
    else:
        given = {name: _first(environ, name) for name in ("proto", "host", "for")}
    given["prefix"] = _first(environ, "prefix")
    return {
        name: given[name]
        for name, has_form in _FORMS.items()
        if has_form(given.get(name, ""))
    }


def _first(environ: "WSGIEnvironment", name: str) -> str:
    value: str = environ.get(f"HTTP_X_FORWARDED_{name.upper()}", "")
    return value.partition(",")[0].strip()


def _first_element(header: str) -> dict[str, str]:
    """Return the pairs of ``Forwarded`` up to the first comma or malformed pair."""
    pairs: dict[str, str] = {}
    position, end = 0, ";"
    while end == ";" and (match := _PAIR.match(header, position)):
        name, value, end = match.groups()
        pairs.setdefault(name.lower(), _ESCAPED.sub(r"\1", value.strip('"')))
        position = match.end()
    return pairs
