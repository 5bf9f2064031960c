"""Whether a shape fits into a tree, by the rules of searches and claims.

There are two readings, because Placement does not know what a consumer had asked for.
``placements`` are like the place that is left: another provider for each, with the same
order of ancestors, in reach of the same sharing providers. ``may_take`` is what any
reading needs of the provider of each part.
"""

import collections.abc

from placement.candidates.model import Placement, ProviderSnapshot, Tree
from placement.candidates.whatif.model import Part, Shape, Tick


def takes(part: Part, provider: ProviderSnapshot) -> bool:
    """The provider can be allocated a part."""
    room, offers = provider.room, provider.offers
    for class_id, amount in part.amounts:
        # The room is empty if the provider is not in service.
        if room.get(class_id, -1) < amount:
            return False
        if not provider.inventories.is_regular and offers[class_id].refuses(amount):
            return False
    if provider.traits & part.traits != part.traits:
        return False
    return not part.reach or (
        provider.is_sharing
        and not any(provider.aggregates.isdisjoint(each) for each in part.reach)
    )


def may_take(part: Part, provider: ProviderSnapshot, may_merge: bool) -> bool:
    """The provider could be allocated a part, in the widest reading.

    With ``may_merge`` it could be together with other amounts of the consumer.
    """
    if provider.traits & part.traits != part.traits:
        return False
    for class_id, amount in part.amounts:
        if provider.room.get(class_id, -1) < amount:
            return False
        if may_merge or provider.inventories.is_regular:
            continue
        if provider.offers[class_id].refuses(amount):
            return False
    return True


def fits(shape: Shape, tree: Tree, tick: Tick) -> bool:
    """The tree has a place for a shape that is like the one that it leaves."""
    return next(placements(shape, tree, tick), None) is not None


def placements(
    shape: Shape, tree: Tree, tick: Tick
) -> collections.abc.Iterator[Placement]:
    """Yield the places for a shape in a tree that are like the one that it leaves."""
    if shape.is_linked or tree.root.id in shape.held:
        return
    if any(each.isdisjoint(tree.aggregates) for each in shape.reach):
        return
    if len(shape.parts) == 1:
        (part,) = shape.parts
        for at, provider in enumerate(tree.providers):
            if takes(part, provider):
                yield Placement(((at, part.amounts),), ())
        return
    for chosen in _choices(shape, tree, (), tick):
        allocations = [
            (at, part.amounts) for at, part in zip(chosen, shape.parts, strict=True)
        ]
        yield Placement(tuple(sorted(allocations)), ())


def _choices(
    shape: Shape, tree: Tree, chosen: tuple[int, ...], tick: Tick
) -> collections.abc.Iterator[tuple[int, ...]]:
    """Yield positions for all parts, the first of which are ``chosen``."""
    if len(chosen) == len(shape.parts):
        yield chosen
        return
    part = shape.parts[len(chosen)]
    above = [chosen[index] for index in shape.above[len(chosen)]]
    for at, provider in enumerate(tree.providers):
        tick()
        if at in chosen or not takes(part, provider):
            continue
        if above and not _ancestors(tree, at).issuperset(above):
            continue
        yield from _choices(shape, tree, (*chosen, at), tick)


def _ancestors(tree: Tree, at: int) -> set[int]:
    found: set[int] = set()
    parent = tree.parents[at]
    while parent is not None:
        found.add(parent)
        parent = tree.parents[parent]
    return found
