"""The WSGI middleware, one module each."""

import collections.abc
import typing

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

Headers = list[tuple[str, str]]


def changing_headers(
    start_response: "StartResponse",
    change: collections.abc.Callable[[str, Headers], Headers],
) -> "StartResponse":
    """Return a ``start_response`` that sends the headers that ``change`` returns.

    ``change`` gets the status line and the headers.
    """

    def start(status: str, headers: Headers, *more: typing.Any) -> typing.Any:
        return start_response(status, change(status, headers), *more)

    return typing.cast("StartResponse", start)


def add_to_vary(headers: Headers, name: str) -> Headers:
    """Return ``headers`` with ``name`` added to ``Vary``."""
    varies = [value for key, value in headers if key.lower() == "vary"]
    others = [(key, value) for key, value in headers if key.lower() != "vary"]
    return [*others, ("vary", ", ".join([*varies, name]))]
