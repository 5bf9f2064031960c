"""The order in which the candidates of all anchors become one stream."""

import collections.abc
import enum

from placement.candidates.combine import Requests
from placement.candidates.model import AllocationRequest

_Streams = collections.abc.Iterable[Requests]
_Seen = set[tuple[object, ...]]


class Strategy(enum.Enum):
    """Which anchor is heard next; the values are those of the configuration."""

    DEPTH_FIRST = "depth-first"
    BREADTH_FIRST = "breadth-first"


def one_stream(streams: _Streams, strategy: Strategy) -> Requests:
    """Yield the candidates of ``streams``, each a lazy stream of one anchor.

    Depth-first: all of one anchor, then those of the next. Breadth-first: one of
    each anchor in turn, so that no anchor is heard twice before all were heard
    once. That keeps the streams that have more; they are no more than the
    candidates taken.
    """
    if strategy is Strategy.DEPTH_FIRST:
        for stream in streams:
            yield from stream
        return
    waiting: list[Requests] = []
    for stream in streams:
        first = next(stream, None)
        if first is not None:
            yield first
            waiting.append(stream)
    while waiting:
        heard: list[Requests] = []
        for stream in waiting:
            following = next(stream, None)
            if following is not None:
                yield following
                heard.append(stream)
        waiting = heard


def distinct(streams: _Streams) -> collections.abc.Iterator[Requests]:
    """Yield the streams without what an earlier one has had.

    Only a candidate that is made of sharing providers can have several anchors.
    """
    seen: _Seen = set()
    for stream in streams:
        yield _distinct(stream, seen)


def takes_one_per_tree(request: AllocationRequest) -> bool:
    """No two providers of one tree give resources (before 1.29)."""
    roots = {provider.root_id for provider, _ in request.allocations}
    return len(roots) == len(request.allocations)


def _distinct(stream: Requests, seen: _Seen) -> Requests:
    """Drop what another anchor has had.

    Only providers that share can come below several anchors, so that only
    candidates made of nothing else have to be remembered.
    """
    for request in stream:
        # A look at one provider settles it for most.
        if request.mappings[0][0].is_sharing and _is_shared(request):
            key = _key(request)
            if key in seen:
                continue
            seen.add(key)
        yield request


def _is_shared(request: AllocationRequest) -> bool:
    return all(one.is_sharing for group in request.mappings for one in group)


def _key(request: AllocationRequest) -> tuple[object, ...]:
    return (
        tuple((provider.id, amounts) for provider, amounts in request.allocations),
        tuple(
            tuple(sorted(provider.id for provider in group))
            for group in request.mappings
        ),
    )
