"""Behind a proxy: scheme, host, client and prefix as the client saw them."""

import collections.abc
import re
import typing

from placement.api.host import is_host

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

# What each may look like; it goes into URLs and into the log.
_FORMS: dict[str, collections.abc.Callable[[str], object]] = {
    "proto": re.compile("https?", re.IGNORECASE).fullmatch,
    "host": is_host,
    # An address, with its port or without, or a name that hides it.
    "for": re.compile(r"[A-Za-z0-9.:_\[\]-]{1,253}").fullmatch,
    "prefix": re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)+/?").fullmatch,
}

# One pair of Forwarded, with what follows it. Source: RFC 7239, section 4.
_PAIR = re.compile(r"""\s*([\w-]+)=("(?:[^"\\]|\\.)*"|[^",;\s]*)\s*([;,]|$)""")
_ESCAPED = re.compile(r"\\(.)")


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
    """Return ``proto``, ``host``, ``for`` and ``prefix``, as the outermost proxy told.

    What is not told, and what cannot be one, is left out.
    """
    if "HTTP_FORWARDED" in environ:
        told = _first_element(environ["HTTP_FORWARDED"])
    else:
        told = {name: _first(environ, name) for name in ("proto", "host", "for")}
    told["prefix"] = _first(environ, "prefix")
    return {
        name: told[name]
        for name, has_form in _FORMS.items()
        if has_form(told.get(name, ""))
    }


def _first(environ: "WSGIEnvironment", name: str) -> str:
    value: str = environ.get(f"HTTP_X_FORWARDED_{name.upper()}", "")
    return value.partition(",")[0].strip()


def _first_element(header: str) -> dict[str, str]:
    """Return the pairs of ``Forwarded`` up to the first comma, or to what is none."""
    pairs: dict[str, str] = {}
    position, end = 0, ";"
    while end == ";" and (match := _PAIR.match(header, position)):
        name, value, end = match.groups()
        pairs.setdefault(name.lower(), _ESCAPED.sub(r"\1", value.strip('"')))
        position = match.end()
    return pairs
