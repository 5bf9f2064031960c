"""The duration of each request, by method, route and status."""

import time
import typing

from werkzeug.wsgi import ClosingIterator

from placement import metrics
from placement.api.environ import ROUTE

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Measure each request until its response is complete."""

    def measured(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        began = time.perf_counter()
        status = ""

        def start(line: str, *more: typing.Any) -> typing.Any:
            nonlocal status
            status = line[:3]
            return start_response(line, *more)

        def observe() -> None:
            method = metrics.method_label(environ["REQUEST_METHOD"])
            route = environ.get(ROUTE, "")
            seconds = time.perf_counter() - began
            metrics.REQUESTS.observe(seconds, method, route, status)

        parts = app(environ, typing.cast("StartResponse", start))
        if not isinstance(parts, list):
            return ClosingIterator(parts, observe)
        observe()
        return parts

    return measured
