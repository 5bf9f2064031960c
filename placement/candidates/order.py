"""The order in which the candidates of all anchors become one stream."""

import collections.abc
import enum
import functools
import itertools
import typing

from placement.candidates.combine import Requests
from placement.candidates.model import AllocationRequest


class Heads(typing.NamedTuple):
    """The candidates of several anchors: ``firsts`` has the first one of each.

    ``streams`` returns all of each; None: there are no others. ``may_repeat``: one
    of the first may be another anchor's, too.
    """

    firsts: tuple[AllocationRequest, ...]
    streams: collections.abc.Callable[[], collections.abc.Iterable[Requests]] | None
    may_repeat: bool

    def each(self) -> collections.abc.Iterable[Requests]:
        """Return all candidates, one stream per anchor."""
        if self.streams is None:
            return (iter((first,)) for first in self.firsts)
        return self.streams()


# The candidates of one anchor, or of several.
Stream = Requests | Heads

_Streams = collections.abc.Iterable[Stream]
_Seen = set[tuple[object, ...]]


class Strategy(enum.Enum):
    """Which anchor is heard next; the values are those of the configuration."""

    DEPTH_FIRST = "depth-first"
    BREADTH_FIRST = "breadth-first"


def one_stream(streams: _Streams, strategy: Strategy) -> Requests:
    """Yield the candidates of ``streams``.

    Depth-first: all of one anchor, then those of the next. Breadth-first: one of
    each anchor in turn, so that no anchor is heard twice before all were heard
    once. That keeps the streams that have more; they are no more than the
    candidates taken.
    """
    if strategy is Strategy.DEPTH_FIRST:
        return _depth_first(streams)
    return _breadth_first(streams)


def _depth_first(streams: _Streams) -> Requests:
    for stream in streams:
        if not isinstance(stream, Heads):
            yield from stream
        elif stream.streams is None:
            yield from stream.firsts
        else:
            yield from itertools.chain.from_iterable(stream.streams())


def _breadth_first(streams: _Streams) -> Requests:
    waiting: list[Stream] = []
    for stream in streams:
        if isinstance(stream, Heads):
            yield from stream.firsts
            if stream.streams is not None:
                waiting.append(stream)
            continue
        first = next(stream, None)
        if first is not None:
            yield first
            waiting.append(stream)
    while waiting:
        heard: list[Stream] = []
        for stream in _after_heads(waiting):
            following = next(stream, None)
            if following is not None:
                yield following
                heard.append(stream)
        waiting = heard


def _after_heads(streams: _Streams) -> collections.abc.Iterator[Requests]:
    """Yield streams without the first candidates that were heard of some."""
    for stream in streams:
        if isinstance(stream, Heads):
            for of_anchor in stream.each():
                next(of_anchor, None)
                yield of_anchor
        else:
            yield stream


def distinct(streams: _Streams) -> collections.abc.Iterator[Stream]:
    """Yield the streams without what an earlier one has had.

    Only a candidate that is made of sharing providers can have several anchors.
    """
    seen: _Seen = set()
    for stream in streams:
        if not isinstance(stream, Heads):
            yield _distinct(stream, seen)
        elif stream.may_repeat:
            yield from (_distinct(of_anchor, seen) for of_anchor in stream.each())
        elif stream.streams is None:
            yield stream
        else:
            yield stream._replace(streams=functools.partial(_all, stream, seen))


def _all(heads: Heads, seen: _Seen) -> collections.abc.Iterator[Requests]:
    return (_distinct(of_anchor, seen) for of_anchor in heads.each())


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
        if request.mappings[0][0].is_sharing and is_shared(request):
            key = _key(request)
            if key in seen:
                continue
            seen.add(key)
        yield request


def is_shared(request: AllocationRequest) -> bool:
    """It is made of sharing providers only."""
    return all(one.is_sharing for group in request.mappings for one in group)


def _key(request: AllocationRequest) -> tuple[object, ...]:
    return (
        tuple((provider.id, amounts) for provider, amounts in request.allocations),
        tuple(
            tuple(sorted(provider.id for provider in group))
            for group in request.mappings
        ),
    )
