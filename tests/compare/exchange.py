"""Requests as sent, and responses as received."""

import contextlib
import http.client
import json
import shlex
import time
import typing
import urllib.parse

SECONDS = 120
# A server may close a connection that is idle; a write must not be sent twice.
MAX_IDLE_SECONDS = 1.0


class Request(typing.NamedTuple):
    """``target`` is path and query, percent-encoded; ``operation`` as in routes.

    ``version`` is what the client asks for, as text; empty for no header.
    """

    operation: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    version: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters in order, separated by ``&`` or ``;``."""
        query = self.target.partition("?")[2].replace(";", "&")
        return urllib.parse.parse_qsl(query, keep_blank_values=True)

    @property
    def minor(self) -> int | None:
        """The N of version 1.N; None for an invalid version."""
        if not self.version:
            return 0
        major, _, minor = self.version.rpartition(" ")[2].partition(".")
        if (major, minor) == ("latest", ""):
            return 39
        if major == "1" and minor.isdigit() and int(minor) <= 39:
            return int(minor)
        return None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def document(self) -> typing.Any:
        """Parse the body as JSON; return None if it is not JSON."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body or b"")
        return None

    def as_curl(self) -> str:
        """Return a shell command that sends the request to ``$URL``."""
        words = ["curl", "-i", "-X", self.method]
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}"]
        if self.body is not None:
            words += ["--data-binary", self.body.decode("utf-8", "backslashreplace")]
        return f'{shlex.join(words)} "$URL"{shlex.quote(self.target)}'


class Answer(typing.NamedTuple):
    """``headers`` have lower-case names; ``base`` is the URL of the service."""

    status: int
    headers: dict[str, str]
    content: bytes
    base: str

    def document(self) -> typing.Any:
        """Parse the body as JSON; return None if it is not JSON."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            return None
        with contextlib.suppress(ValueError):
            return json.loads(self.content)
        return None

    @property
    def error(self) -> dict[str, typing.Any]:
        """The first error of the error document; empty if there is none."""
        document = self.document()
        errors = document.get("errors") if isinstance(document, dict) else None
        return errors[0] if errors else {}

    @property
    def detail(self) -> str:
        """The text of the error, in any media type; may be empty."""
        if self.status < 400:
            return ""
        if "detail" in self.error:
            return str(self.error["detail"])
        return self.content.decode("utf-8", "replace")


class Exchange(typing.NamedTuple):
    """One request and the response of each service."""

    request: Request
    peer: Answer
    ours: Answer


class Sender:
    """Sends requests to one service over a persistent connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        place = urllib.parse.urlsplit(url)
        assert place.hostname is not None
        self._http = http.client.HTTPConnection(
            place.hostname, place.port, timeout=SECONDS
        )
        self._used = 0.0

    def send(self, request: Request) -> Answer:
        if time.monotonic() - self._used > MAX_IDLE_SECONDS:
            self._http.close()
        self._http.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers:
            self._http.putheader(name, value)
        if request.body is not None:
            self._http.putheader("Content-Length", str(len(request.body)))
        self._http.endheaders(request.body)
        response = self._http.getresponse()
        content = response.read()
        self._used = time.monotonic()
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            self._http.close()
        return Answer(response.status, headers, content, self.url)

    def close(self) -> None:
        self._http.close()
