"""Send requests over one connection, with little overhead."""

import http.client
import json
import typing
import urllib.parse

SECONDS = 300


class Answer(typing.NamedTuple):
    """A response; ``content`` may be empty."""

    status: int
    content: bytes

    def document(self) -> typing.Any:
        """Parse the body as JSON. Raises RuntimeError for a status of 400 or more."""
        if self.status >= 400:
            raise RuntimeError(f"{self.status}: {self.content.decode()}")
        return json.loads(self.content) if self.content else None


class Connection:
    """One connection to a service with noauth2, kept open between requests.

    ``headers`` are sent with each request. Raises TimeoutError if a response takes more
    than ``seconds``.
    """

    def __init__(
        self,
        url: str,
        version: str,
        seconds: float = SECONDS,
        headers: dict[str, str] | None = None,
    ) -> None:
        place = urllib.parse.urlsplit(url)
        assert place.hostname is not None
        self._http = http.client.HTTPConnection(
            place.hostname, place.port, timeout=seconds
        )
        self._headers = {
            "X-Auth-Token": "admin",
            "X-Roles": "admin,service",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "OpenStack-API-Version": f"placement {version}",
            **(headers or {}),
        }

    def __enter__(self) -> typing.Self:
        self._http.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request, with ``body`` as JSON unless it is None."""
        payload = None if body is None else json.dumps(body)
        self._http.request(method, path, payload, self._headers)
        response = self._http.getresponse()
        return Answer(response.status, response.read())
