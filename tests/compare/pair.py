"""Send the same requests to both services, and empty their databases."""

import concurrent.futures
import typing

from tests.compare.drawing.world import World
from tests.compare.exchange import Answer, Exchange, Request, Sender

_HEADERS = (
    ("X-Auth-Token", "admin"),
    ("Accept", "application/json"),
    ("OpenStack-API-Version", "placement 1.39"),
)


class Pair:
    """A connection to each service, with a thread for each connection."""

    def __init__(self, peer: str, ours: str) -> None:
        self._senders = (Sender(peer), Sender(ours))
        self._threads = tuple(
            concurrent.futures.ThreadPoolExecutor(1) for _ in self._senders
        )
        self.sent = 0

    def send(self, request: Request) -> Exchange:
        self.sent += 1
        answers = [
            thread.submit(sender.send, request)
            for thread, sender in zip(self._threads, self._senders, strict=True)
        ]
        peer, ours = (answer.result() for answer in answers)
        return Exchange(request, peer, ours)

    def clear(self, world: World) -> None:
        """Delete the data of an episode, even if the services disagree."""
        cleared = [
            thread.submit(_clear, sender, world)
            for thread, sender in zip(self._threads, self._senders, strict=True)
        ]
        for each in cleared:
            each.result()

    def close(self) -> None:
        for sender in self._senders:
            sender.close()
        for thread in self._threads:
            thread.shutdown()


def _clear(sender: Sender, world: World) -> None:
    for consumer in world.consumers + world.past_consumers:
        _send(sender, "DELETE", f"/allocations/{consumer}")
    providers = _get(sender, "/resource_providers")["resource_providers"]
    for provider in _leaves_first(providers):
        _send(sender, "DELETE", f"/resource_providers/{provider}")
    for each in _get(sender, "/resource_classes")["resource_classes"]:
        if each["name"].startswith("CUSTOM_"):
            _send(sender, "DELETE", f"/resource_classes/{each['name']}")
    for trait in _get(sender, "/traits?name=startswith:CUSTOM_")["traits"]:
        _send(sender, "DELETE", f"/traits/{trait}")


def _leaves_first(providers: list[dict[str, typing.Any]]) -> list[str]:
    parents = {each["uuid"]: each["parent_provider_uuid"] for each in providers}

    def depth(uuid: str) -> int:
        parent = parents[uuid]
        return 0 if parent is None else 1 + depth(parent)

    return sorted(parents, key=depth, reverse=True)


def _get(sender: Sender, target: str) -> typing.Any:
    return _send(sender, "GET", target).document()


def _send(sender: Sender, method: str, target: str) -> Answer:
    """Send the request. Raises RuntimeError if a service ends."""
    answer = sender.send(Request("", method, target, _HEADERS))
    if answer.status >= 500:
        raise RuntimeError(f"{method} {target} at {sender.url}: {answer.detail}")
    return answer
