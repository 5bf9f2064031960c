"""A request as separate parts, which mutations can still change."""

import dataclasses
import json
import typing
import urllib.parse

from tests.compare.exchange import Request

NO_BODY: typing.Final = object()


@dataclasses.dataclass
class Draft:
    """``body`` is sent as JSON, unless ``raw`` has the bytes to send."""

    operation: str
    path: str
    minor: int
    body: object = NO_BODY
    query: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    raw: bytes | None = None
    raw_query: str = ""
    method: str = ""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.method = self.operation.partition(" ")[0]
        self.headers = {
            "X-Auth-Token": "admin",
            "Accept": "application/json",
            "OpenStack-API-Version": f"placement 1.{self.minor}",
        }
        if self.body is not NO_BODY:
            self.headers["Content-Type"] = "application/json"

    def request(self) -> Request:
        body = self.raw
        if body is None and self.body is not NO_BODY:
            body = json.dumps(self.body).encode()
        query = urllib.parse.urlencode(self.query, safe=":,!") + self.raw_query
        return Request(
            self.operation,
            self.method,
            f"{self.path}?{query}" if query else self.path,
            tuple(self.headers.items()),
            body,
            self.headers.get("OpenStack-API-Version", ""),
        )
