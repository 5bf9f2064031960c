"""The examples of ``api-ref/``: parse a page, send the requests, compare responses.

An example is two fenced blocks, the request before the response; api-ref/index.md,
"Examples", describes their format and the placeholders.
"""

import collections.abc
import json
import pathlib
import re
import typing

import webob

from placement.api.microversion import MAX_VERSION
from tests.servers import server

DIRECTORY = pathlib.Path(__file__).parents[2] / "api-ref"

# Headers that a request of an example has unless it overrides them.
DEFAULT_HEADERS = {
    "accept": "application/json",
    "openstack-api-version": f"placement {MAX_VERSION}",
    "x-auth-token": "admin",
    "x-roles": "admin,service",
}
# Of the service that answers the examples.
OPTIONS = {"changes": {"enabled": "true"}}

BODY_HEADERS = {"content-type": "application/json"}

ANY, MORE = "<any>", "<more>"

# The pattern of each placeholder.
_PLACEHOLDERS = {
    ANY: ".*",
    "<uuid>": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<date>": r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
}
_PLACEHOLDER = re.compile("|".join(_PLACEHOLDERS))
_BLOCK = re.compile(r"^```http (request|response)\n(.*?)^```$", re.M | re.S)
_HEADING = re.compile(r"^## ((?:GET|PUT|POST|PATCH|DELETE) /\S*)$", re.M)

Headers = dict[str, str]


class ExampleError(Exception):
    """A page has a malformed example."""


class Message(typing.NamedTuple):
    """One block: its first line, its headers by lower-case name, and its body."""

    first: str
    headers: Headers
    body: str


class Example(typing.NamedTuple):
    """One request and its response; ``line`` is its line number on the page.

    ``operation`` is the heading above the example.
    """

    page: str
    line: int
    operation: str | None
    request: Message
    response: Message

    @property
    def method_and_path(self) -> tuple[str, str]:
        method, _, target = self.request.first.partition(" ")
        return method, target.partition("?")[0]


def pages() -> list[pathlib.Path]:
    return sorted(DIRECTORY.glob("*.md"))


def headings(text: str) -> list[str]:
    """Return the operations that a page describes, such as ``GET /traits``."""
    return _HEADING.findall(text)


def section(text: str, operation: str) -> str:
    """Return the section of a page about one operation."""
    _, _, after = text.partition(f"\n## {operation}\n")
    return re.split(r"^## ", after, maxsplit=1, flags=re.M)[0]


def examples(name: str, text: str) -> list[Example]:
    """Return the examples of a page in order.

    Raises ExampleError for a malformed example.
    """
    found = []
    blocks = list(_BLOCK.finditer(text))
    if len(blocks) != text.count("```http"):
        raise ExampleError(f"{name}: a block that is neither request nor response")
    kinds = [block[1] for block in blocks]
    if kinds != ["request", "response"] * (len(kinds) // 2):
        raise ExampleError(f"{name}: requests and responses do not alternate")
    for request, response in zip(blocks[::2], blocks[1::2], strict=True):
        before = headings(text[: request.start()])
        found.append(
            Example(
                page=name,
                line=text.count("\n", 0, request.start()) + 1,
                operation=before[-1] if before else None,
                request=message(request[2]),
                response=message(response[2]),
            )
        )
    return found


def message(text: str) -> Message:
    """Parse the content of a block. Raises ExampleError for a malformed header."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.strip().splitlines()
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ExampleError(f"not a header: {line!r}")
        headers[name.strip().lower()] = value.strip()
    return Message(first, headers, body.strip())


def send(application: server.Application, request: Message) -> webob.Response:
    """Send the request of an example and return the response."""
    method, target = request.first.split(" ")
    defaults = DEFAULT_HEADERS | (BODY_HEADERS if request.body else {})
    headers = {
        name: value for name, value in (defaults | request.headers).items() if value
    }
    made = webob.Request.blank(
        target, method=method, headers=headers, body=request.body.encode()
    )
    return made.get_response(application)


def differences(expected: Message, response: webob.Response) -> list[str]:
    """Return the differences between the response and the example."""
    found = []
    # Ignore the reason phrase.
    if str(response.status_int) != expected.first.split()[0]:
        found.append(f"status is {response.status}, not {expected.first}")
    for name, value in expected.headers.items():
        actual = response.headers.get(name, "")
        if not matches_text(value, actual):
            found.append(f"header {name} is {actual!r}, not {value!r}")
    found.extend(_body_differences(expected.body, response))
    return found


def _body_differences(
    expected: str, response: webob.Response
) -> collections.abc.Iterator[str]:
    actual = response.body.decode()
    if not expected or response.content_type != "application/json":
        if not matches_text(expected, actual.strip()):
            yield f"body is {actual!r}, not {expected!r}"
    elif not matches(json.loads(expected), response.json):
        shown = json.dumps(response.json, indent=2)
        yield f"body is\n{shown}\nnot\n{expected}"


def matches(expected: typing.Any, actual: typing.Any) -> bool:
    """Return whether a JSON value matches the example, with its placeholders."""
    match expected:
        case str() if expected == ANY:
            return True
        case str():
            return isinstance(actual, str) and matches_text(expected, actual)
        case dict():
            return isinstance(actual, dict) and _matches_object(expected, actual)
        case list():
            return isinstance(actual, list) and _matches_list(expected, actual)
        case _:
            return type(expected) is type(actual) and bool(expected == actual)


def matches_text(expected: str, actual: str) -> bool:
    """Return whether a text matches the example, with its placeholders."""
    pattern, end = "", 0
    for found in _PLACEHOLDER.finditer(expected):
        pattern += re.escape(expected[end : found.start()]) + _PLACEHOLDERS[found[0]]
        end = found.end()
    pattern += re.escape(expected[end:])
    return re.fullmatch(pattern, actual, re.S) is not None


def _matches_object(
    expected: dict[str, typing.Any], actual: dict[str, typing.Any]
) -> bool:
    if MORE not in expected and len(actual) != len(expected):
        return False
    return all(
        name in actual and matches(value, actual[name])
        for name, value in expected.items()
        if name != MORE
    )


def _matches_list(expected: list[typing.Any], actual: list[typing.Any]) -> bool:
    if expected and expected[-1] == MORE:
        expected = expected[:-1]
        actual = actual[: len(expected)]
    return len(actual) == len(expected) and all(map(matches, expected, actual))
