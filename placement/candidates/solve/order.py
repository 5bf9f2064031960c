"""The order in which the candidates of all trees become one stream."""

import collections.abc
import enum
import itertools
import random
import typing

from placement.candidates.model import Placement, ProviderSnapshot, Run, Tree

Runs = collections.abc.Iterator[Run]
_Sharing = tuple[ProviderSnapshot, ...]


class Source(typing.Protocol):
    """The placements of one pattern, see ``patterns.Placements``."""

    may_repeat: bool
    is_single: bool

    def get(self, index: int) -> Placement | None:
        """Return the placement with an index from 0; None: there are not that many."""


class Anchors(typing.NamedTuple):
    """Trees, in order, and the placements of each."""

    trees: collections.abc.Sequence[Tree]
    sources: collections.abc.Sequence[Source]


class Strategy(enum.Enum):
    """Which tree comes next; the values are those of the configuration."""

    DEPTH_FIRST = "depth-first"
    BREADTH_FIRST = "breadth-first"


def runs(
    pages: collections.abc.Iterable[Anchors], sharing: _Sharing, strategy: Strategy
) -> Runs:
    """Yield the candidates of all trees, each once.

    Depth-first: all of one tree, then those of the next. Breadth-first: one of each
    tree in turn, so that every tree has given one before any gives a second.

    A candidate of sharing providers only may come up in several trees. It counts for
    the first one.
    """
    seen: set[object] = set()
    if strategy is Strategy.DEPTH_FIRST:
        return _depth_first(pages, sharing, seen)
    return _breadth_first(pages, sharing, seen)


def _depth_first(
    pages: collections.abc.Iterable[Anchors], sharing: _Sharing, seen: set[object]
) -> Runs:
    for page in pages:
        for part in _parts(page, lambda source: source.is_single):
            if part.sources[0].is_single:
                run = _round(part, 0)
                if run is not None:
                    yield run
                continue
            for tree, source in zip(*part, strict=True):
                yield from _of_tree(tree, source, sharing, seen)


def _breadth_first(
    pages: collections.abc.Iterable[Anchors], sharing: _Sharing, seen: set[object]
) -> Runs:
    waiting: list[Runs] = []
    for page in pages:
        for part in _parts(page, lambda source: source.may_repeat):
            streams = [_rounds(part)]
            if part.sources[0].may_repeat:
                streams = [
                    _of_tree(tree, source, sharing, seen)
                    for tree, source in zip(*part, strict=True)
                ]
            for stream in streams:
                first = next(stream, None)
                if first is not None:
                    yield first
                    waiting.append(stream)
    while waiting:
        remaining = []
        for stream in waiting:
            following = next(stream, None)
            if following is not None:
                yield following
                remaining.append(stream)
        waiting = remaining


def _parts(
    page: Anchors, kind: collections.abc.Callable[[Source], bool]
) -> collections.abc.Iterator[Anchors]:
    """Cut a page into parts of trees that follow each other and are of one kind."""
    kinds = {source: kind(source) for source in set(page.sources)}
    if len(set(kinds.values())) <= 1:
        if page.trees:
            yield page
        return
    pairs = zip(page.trees, page.sources, strict=True)
    for _, part in itertools.groupby(pairs, lambda pair: kinds[pair[1]]):
        trees, sources = zip(*part, strict=True)
        yield Anchors(trees, sources)


def _rounds(page: Anchors) -> Runs:
    """Yield the first candidate of each tree, then the second of each, and so on."""
    for index in itertools.count():
        run = _round(page, index)
        if run is None:
            return
        yield run


def _round(page: Anchors, index: int) -> Run | None:
    """Return the candidates of a page with an index; None: no tree has one."""
    by_source = {source: source.get(index) for source in set(page.sources)}
    if None not in by_source.values():
        placements = [by_source[source] for source in page.sources]
        return Run(typing.cast("list[Placement]", placements), page.trees)
    found = [
        (placement, tree)
        for tree, source in zip(*page, strict=True)
        if (placement := by_source[source]) is not None
    ]
    return next(iter(_run(found)), None)


def _of_tree(tree: Tree, source: Source, sharing: _Sharing, seen: set[object]) -> Runs:
    """Yield the candidates of a tree, without those of an earlier one."""
    for index in itertools.count():
        placement = source.get(index)
        if placement is None:
            return
        if source.may_repeat and _is_repeated(placement, tree, sharing, seen):
            continue
        yield Run((placement,), (tree,))


def _is_repeated(
    placement: Placement, tree: Tree, sharing: _Sharing, seen: set[object]
) -> bool:
    """Say whether an earlier tree had this candidate, which is in ``seen`` then."""
    providers = tree.providers + sharing
    if not all(
        providers[at].is_sharing for of_group in placement.mappings for at in of_group
    ):
        return False
    key = (
        tuple((providers[at].id, amounts) for at, amounts in placement.allocations),
        tuple(
            tuple(sorted(providers[at].id for at in of_group))
            for of_group in placement.mappings
        ),
    )
    if key in seen:
        return True
    seen.add(key)
    return False


def of_one_provider_per_tree(
    runs: collections.abc.Iterable[Run], sharing: _Sharing
) -> Runs:
    """Yield the candidates that take resources of one provider per tree.

    Before 1.29 there are no others.
    """
    for run in runs:
        yield from _run(
            [
                (placement, tree)
                for placement, tree in zip(*run, strict=True)
                if _gives_once_per_tree(placement, tree, sharing)
            ]
        )


def shuffled(runs: collections.abc.Iterable[Run], chance: random.Random) -> list[Run]:
    """Return all candidates in random order."""
    pairs = [pair for run in runs for pair in zip(*run, strict=True)]
    chance.shuffle(pairs)
    return _run(pairs)


def _run(pairs: list[tuple[Placement, Tree]]) -> list[Run]:
    """Return one run, or none if it has no candidates."""
    if not pairs:
        return []
    return [Run([placement for placement, _ in pairs], [tree for _, tree in pairs])]


def _gives_once_per_tree(placement: Placement, tree: Tree, sharing: _Sharing) -> bool:
    providers = tree.providers + sharing
    roots = [providers[at].root_id for at, _ in placement.allocations]
    return len(set(roots)) == len(roots)


def first(runs: collections.abc.Iterable[Run], count: int | None) -> Runs:
    """Yield the first ``count`` candidates; None: all."""
    left = count
    for run in runs:
        if left is None:
            yield run
            continue
        if len(run.trees) >= left:
            yield Run(run.placements[:left], run.trees[:left])
            return
        left -= len(run.trees)
        yield run
