"""Processor time of single steps of a request, in one process."""

import collections.abc
import contextlib
import io
import pathlib
import statistics
import tempfile
import time
import typing

import webob

from placement.api.environ import CONTEXT
from placement.context import RequestContext
from placement.policies import inventory as inventory_policy
from tests.servers import server

_BODIES = {
    "a body that is not JSON": b"{",
    "a name of the wrong type": b'{"name": 1}',
    "an unknown member": b'{"name": "a", "colour": "red"}',
}
_HEADERS = {
    "x-auth-token": "admin",
    "content-type": "application/json",
    "openstack-api-version": "placement 1.39",
}


class Cost(typing.NamedTuple):
    """Median processor seconds per operation."""

    name: str
    seconds: float


def costs(rounds: int) -> collections.abc.Iterator[Cost]:
    """Yield the cost of each step, on an embedded database."""
    with contextlib.ExitStack() as stack:
        made = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{made}/placement.db"
        own = {"placement_database": {"sync_on_startup": True}}
        app = stack.enter_context(server.in_process(url, own))
        yield _measured("a policy decision, warm", _decision(app), rounds, 10_000)
        for name, body in _BODIES.items():
            refused = _refusal(app, body)
            yield _measured(f"a request refused for {name}", refused, rounds, 200)


def _measured(
    name: str, work: collections.abc.Callable[[], None], rounds: int, times: int
) -> Cost:
    work()
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            work()
        taken.append((time.process_time() - started) / times)
    return Cost(name, statistics.median(taken))


def _decision(app: typing.Any) -> collections.abc.Callable[[], None]:
    """Return a function that authorizes a request with the service's enforcer."""
    request = webob.Request.blank("/resource_providers", headers=_HEADERS)
    request.get_response(app)
    context: RequestContext = request.environ[CONTEXT]
    enforcer = context.service.enforcer
    return lambda: enforcer.authorize(context.caller, inventory_policy.LIST)


def _refusal(app: typing.Any, body: bytes) -> collections.abc.Callable[[], None]:
    def refuse() -> None:
        request = webob.Request.blank(
            "/resource_providers", method="POST", headers=_HEADERS
        )
        request.body_file = io.BytesIO(body)
        request.content_length = len(body)
        response = request.get_response(app)
        if response.status_int != 400:
            raise RuntimeError(f"not refused: {response.status}")

    return refuse
