"""The host of a request, as links to it need it.

Werkzeug's own check refuses the underscore, which names of containers have.
"""

import collections.abc
import ipaddress
import re
import typing

# The parts of a host as it stands in a URL: a name or an address, and a port.
_LABEL = "[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{{1,5}}))?"
)
_LENGTH_MAX = 253
_PORT_MAX = 65535

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_host(text: str) -> bool:
    """``text``, with or without a port, can be the host of a URL."""
    match = _HOST.fullmatch(text)
    if match is None or len(text) > _LENGTH_MAX:
        return False
    address, port = match.groups()
    if address is not None:
        try:
            ipaddress.IPv6Address(address)
        except ValueError:
            return False
    return int(port or 0) <= _PORT_MAX


def host_url(environ: collections.abc.Mapping[str, typing.Any]) -> str:
    """Return the scheme and the host of the request, without a slash at the end.

    The address of the server stands in for a missing or invalid ``Host``. The default
    port of the scheme is left out.
    """
    scheme: str = environ["wsgi.url_scheme"]
    host: str = environ.get("HTTP_HOST", "")
    if not is_host(host):
        host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, ''))}"
