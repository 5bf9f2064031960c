"""Sessions of the console in a browser on the machine of the server.

A one-time link has a code. The digest of the code is the name of a file in a directory
that only the owner of the server can access, so that whoever writes the file could read
the administrator token, too. The browser exchanges the code for a session token, which
every worker can verify, and which is accepted from this machine only.
"""

import contextlib
import hashlib
import hmac
import ipaddress
import os
import pathlib
import re
import secrets
import stat
import time
import typing

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Key in ``Service.kept`` of the sessions.
KEY = "console.sessions"

LINK_SECONDS = 5 * 60
SESSION_SECONDS = 12 * 60 * 60

_PREFIX = "console"
_TOKEN = re.compile(
    rf"{_PREFIX}\.([0-9]{{1,12}})\.([A-Za-z0-9_-]{{1,64}})\.([0-9a-f]+)"
)
_PURPOSE = b"placement console session\n"

# A host, and a port; the host may be an IPv6 address in brackets.
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(?::[0-9]{1,5})?")

# Set by proxies; a request with one of them may come from another machine.
_OF_PROXIES = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)


class Sessions:
    """The session tokens of a server, and the links that start them.

    Tokens are signed with the administrator token, so a new one ends all sessions.
    """

    def __init__(self, key: str, link_directory: pathlib.Path) -> None:
        self._key = key.encode()
        self._links = link_directory

    def start(self, code: str) -> tuple[str, int] | None:
        """Return a new token and when it expires, in seconds since 1970.

        None if the link with this code does not exist, was used or has expired. Of
        several requests with the same code, also at several workers, one succeeds.
        """
        path = self._links / link_name(code)
        with contextlib.suppress(OSError):
            found = path.lstat()
            # Only one caller can remove the file.
            path.unlink()
            age = time.time() - found.st_mtime
            if stat.S_ISREG(found.st_mode) and age < LINK_SECONDS:
                expires_at = int(time.time()) + SESSION_SECONDS
                facts = f"{expires_at}.{secrets.token_urlsafe(16)}"
                return f"{_PREFIX}.{facts}.{self._sign(facts)}", expires_at
        return None

    def allow(self, environ: "WSGIEnvironment") -> bool:
        """Whether the request is from this machine and has a valid session token."""
        found = _TOKEN.fullmatch(environ.get("HTTP_X_AUTH_TOKEN", ""))
        if found is None or not is_local(environ):
            return False
        expires_at, nonce, signature = found.groups()
        expected = self._sign(f"{expires_at}.{nonce}")
        return hmac.compare_digest(signature, expected) and time.time() < int(
            expires_at
        )

    def _sign(self, facts: str) -> str:
        return hmac.new(
            self._key, _PURPOSE + facts.encode(), hashlib.sha256
        ).hexdigest()


def link_name(code: str) -> str:
    """Return the name of the file of a link."""
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()


def is_local(environ: "WSGIEnvironment") -> bool:
    """Whether a client on this machine asks, and no page of another site.

    The names that a browser can have for this machine exclude a site whose name was
    made to resolve to a loopback address.
    """
    host = environ.get("HTTP_HOST", "")
    origin = environ.get("HTTP_ORIGIN")
    site = environ.get("HTTP_SEC_FETCH_SITE", "same-origin")
    return (
        _is_loopback(environ.get("REMOTE_ADDR", ""))
        and is_loopback_host(host)
        and (origin is None or origin == f"{environ['wsgi.url_scheme']}://{host}")
        and site in ("same-origin", "none")
        and not any(name in environ for name in _OF_PROXIES)
    )


def is_loopback_host(host: str) -> bool:
    """Whether a ``Host`` header, with or without a port, names this machine."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").lower()
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def prepare(directory: pathlib.Path) -> None:
    """Create the directory of links if it is missing.

    Raises OSError if that fails, or if others can access the directory.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionError(f"{directory} must be accessible by its owner only")


def write_link(directory: pathlib.Path) -> str:
    """Create a link, and return its code. Removes expired ones.

    Raises OSError.
    """
    for path in directory.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime >= LINK_SECONDS:
                path.unlink()
    code = secrets.token_urlsafe(32)
    path = directory / link_name(code)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return code
