"""The socket of a server, opened before anything else so that errors come first."""

import re
import socket
import typing

import click

from placement.cmd import failures

_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[^\[\]:]+)):(?P<port>[0-9]{1,5})"
)
_PORT_MAX = 65535
# The default of gunicorn.
_BACKLOG = 2048


class Address(typing.NamedTuple):
    """A host name or IP address, and a port; port 0 is any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def address(_ctx: click.Context, _param: click.Parameter, text: str) -> Address:
    """Parse ``HOST:PORT``, with an IPv6 address in brackets; a click callback.

    Raises BadParameter.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > _PORT_MAX:
        raise click.BadParameter(
            f"'{text}' is not HOST:PORT, such as 127.0.0.1:8778 or [::1]:8778, with a "
            f"port from 0 to {_PORT_MAX}."
        )
    return Address(found["ipv6"] or found["host"], int(found["port"]))


def listen(
    at: Address, advice: str = "Choose another address with --bind."
) -> socket.socket:
    """Return a listening socket.

    If a name has several addresses, uses the first IPv4 address. ``advice`` is added to
    the message of a failure.

    Raises NotPossibleNow when the host is unknown or the port is in use.
    """
    try:
        found = socket.getaddrinfo(
            *at, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, where = min(
            found, key=lambda each: each[0] != socket.AF_INET
        )
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(where)
            opened.listen(_BACKLOG)
        except BaseException:
            opened.close()
            raise
    except (OSError, UnicodeError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise failures.NotPossibleNow(
            f"Cannot listen on {at}: {reason}. {advice}"
        ) from failure
    return opened
