"""Well-formed searches: lists of providers, and allocation candidates."""

import collections.abc
import random

from tests.compare.drawing.draft import Draft
from tests.compare.drawing.world import World


def list_providers(rng: random.Random, world: World, minor: int) -> Draft:
    filters: dict[str, tuple[int, collections.abc.Callable[[], str]]] = {
        "name": (0, lambda: rng.choice([*world.provider_names.values(), "none"])),
        "uuid": (0, world.provider),
        "member_of": (3, lambda: _member_of(rng, world, minor)),
        "resources": (4, lambda: _resources(rng, world)),
        "in_tree": (14, world.provider),
        "required": (18, lambda: _required(rng, world, minor)),
    }
    chances = {"name": 0.1, "uuid": 0.1, "in_tree": 0.2}
    query = [
        (name, draw())
        for name, (since, draw) in filters.items()
        if minor >= since and rng.random() < chances.get(name, 0.35)
    ]
    if minor >= 39 and rng.random() < 0.2:
        query.append(("required", _required(rng, world, minor)))
    if minor >= 24 and rng.random() < 0.2:
        query.append(("member_of", _member_of(rng, world, minor)))
    return Draft("GET /resource_providers", "/resource_providers", minor, query=query)


def candidates(rng: random.Random, world: World, minor: int) -> Draft:
    """Draw a search with up to three groups, if the version supports them."""
    query = []
    suffixes = _suffixes(rng, minor)
    for suffix in suffixes:
        query += _group(rng, world, minor, suffix)
    if minor >= 16 and rng.random() < 0.1:
        query.append(("limit", str(rng.randint(1, 5))))
    suffixed = [suffix for suffix in suffixes if suffix]
    if minor >= 25 and rng.random() < (0.95 if len(suffixed) > 1 else 0.2):
        query.append(("group_policy", rng.choice(["none", "isolate"])))
    if minor >= 35 and rng.random() < 0.1:
        query.append(("root_required", _trait_list(rng, world, minor)))
    if minor >= 36 and suffixed and rng.random() < 0.25:
        query.append(("same_subtree", ",".join(suffixed)))
    rng.shuffle(query)
    operation = "GET /allocation_candidates"
    return Draft(operation, "/allocation_candidates", minor, query=query)


def _suffixes(rng: random.Random, minor: int) -> list[str]:
    if minor < 25:
        return [""]
    named = ["1", "2"] if minor < 33 else ["_A", "1", "_b-C"]
    return rng.choice([[""], [""], ["", named[0]], named[:1], named[:2], ["", *named]])


def _group(
    rng: random.Random, world: World, minor: int, suffix: str
) -> list[tuple[str, str]]:
    has_resources = rng.random() < (0.93 if minor >= 36 and suffix else 0.985)
    query = [("resources", _resources(rng, world))] if has_resources else []
    if minor >= 17 and rng.random() < (0.25 if has_resources else 0.9):
        query.append(("required", _required(rng, world, minor)))
    if minor >= 39 and rng.random() < 0.1:
        query.append(("required", _required(rng, world, minor)))
    if minor >= 21 and rng.random() < 0.2:
        query.append(("member_of", _member_of(rng, world, minor)))
    if minor >= 31 and rng.random() < 0.1:
        query.append(("in_tree", world.provider()))
    return [(name + suffix, value) for name, value in query]


def _resources(rng: random.Random, world: World) -> str:
    names = {world.offer()[1] for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))}
    return ",".join(f"{name}:{rng.choice([1, 1, 2, 2, 4])}" for name in sorted(names))


def _required(rng: random.Random, world: World, minor: int) -> str:
    if minor >= 39 and rng.random() < 0.3:
        return "in:" + ",".join(world.trait() for _ in range(rng.randint(1, 3)))
    return _trait_list(rng, world, minor)


def _trait_list(rng: random.Random, world: World, minor: int) -> str:
    marks = ["", "", "!"] if minor >= 22 else [""]
    traits = [world.trait() for _ in range(rng.choice([1, 1, 2]))]
    return ",".join(rng.choice(marks) + trait for trait in traits)


def _member_of(rng: random.Random, world: World, minor: int) -> str:
    mark = "!" if minor >= 32 and rng.random() < 0.3 else ""
    aggregates = rng.sample([*world.aggregates, world.new_uuid()], rng.randint(1, 2))
    if len(aggregates) > 1 or rng.random() < 0.2:
        return f"{mark}in:{','.join(aggregates)}"
    return mark + aggregates[0]
