"""Well-formed requests about providers and their inventories, traits, ..."""

import random
import typing

from tests.compare.drawing.draft import Draft
from tests.compare.drawing.world import World

PROVIDER = "/resource_providers/{uuid}"
INVENTORIES = f"{PROVIDER}/inventories"
INVENTORY = f"{INVENTORIES}/{{rc}}"


def path(uuid: str, *more: str) -> str:
    return "/".join(["/resource_providers", uuid, *more])


def show(rng: random.Random, world: World, minor: int) -> Draft:
    """Draw a read of one provider or of one part of it."""
    uuid = world.provider()
    reads = {
        PROVIDER: (),
        INVENTORIES: ("inventories",),
        INVENTORY: ("inventories", _offered_class(rng, world, uuid)),
        f"{PROVIDER}/usages": ("usages",),
        f"{PROVIDER}/aggregates": ("aggregates",),
        f"{PROVIDER}/traits": ("traits",),
        f"{PROVIDER}/allocations": ("allocations",),
    }
    operation = rng.choice(list(reads))
    return Draft(f"GET {operation}", path(uuid, *reads[operation]), minor)


def show_generation(world: World, uuid: str) -> Draft:
    """Return a read of the generation that a write needs."""
    return Draft(f"GET {PROVIDER}", path(uuid), 39)


def create(rng: random.Random, world: World, minor: int) -> Draft:
    absent = [uuid for uuid in world.providers if uuid not in world.created]
    uuid = rng.choice(absent if absent and rng.random() < 0.9 else world.providers)
    body: dict[str, object] = {"name": world.provider_names[uuid], "uuid": uuid}
    if rng.random() < 0.05:
        body["name"] = rng.choice(list(world.provider_names.values()))
    if rng.random() < 0.02:
        body["name"] = "é漢 " + "n" * rng.choice([1, 180, 196, 197, 198])
    if minor >= 14 and rng.random() < 0.6:
        body["parent_provider_uuid"] = rng.choice([None, *[world.provider()] * 3])
    return Draft("POST /resource_providers", "/resource_providers", minor, body)


def update(rng: random.Random, world: World, minor: int) -> Draft:
    uuid = world.provider()
    name = world.provider_names.get(uuid, "other")
    if rng.random() < 0.2:
        name = rng.choice([f"renamed-{world.label}", *world.provider_names.values()])
    body: dict[str, object] = {"name": name}
    if minor >= 14 and rng.random() < 0.7:
        body["parent_provider_uuid"] = rng.choice([None, *[world.provider()] * 3])
    return Draft(f"PUT {PROVIDER}", path(uuid), minor, body)


def delete(rng: random.Random, world: World, minor: int) -> Draft:
    return Draft(f"DELETE {PROVIDER}", path(world.provider()), minor)


def record(rng: random.Random) -> dict[str, object]:
    """Draw one inventory record: small, so that it is often fully used."""
    drawn: dict[str, object] = {"total": rng.choice([1, 4, 8, 10, 10, 16, 64])}
    optional: dict[str, list[typing.Any]] = {
        "reserved": [0, 0, 1, 2, drawn["total"]],
        "min_unit": [1, 1, 1, 2],
        "max_unit": [4, 8, 8, 2147483647],
        "step_size": [1, 1, 1, 2],
        "allocation_ratio": [1, 1.0, 1.5, 2, 16.0, 0.5, 0.9],
    }
    for member, values in optional.items():
        if rng.random() < 0.3:
            drawn[member] = rng.choice(values)
    return drawn


def records(rng: random.Random, world: World, at_most: int = 4) -> dict[str, object]:
    names = {world.resource_class() for _ in range(rng.randint(0, at_most))}
    return {name: record(rng) for name in sorted(names)}


def generation(rng: random.Random, world: World, uuid: str) -> int:
    """Return the known generation, rarely a stale one."""
    return world.generations.get(uuid, 0) + rng.choice([0] * 12 + [1, -1])


def is_unknown(rng: random.Random, world: World, uuid: str) -> bool:
    return uuid not in world.generations and rng.random() < 0.95


def create_inventory(rng: random.Random, world: World, minor: int) -> Draft:
    body = {"resource_class": world.resource_class(), **record(rng)}
    target = path(world.provider(), "inventories")
    return Draft(f"POST {INVENTORIES}", target, minor, body)


def set_inventories(rng: random.Random, world: World, minor: int) -> Draft:
    uuid = world.provider()
    if is_unknown(rng, world, uuid):
        return show_generation(world, uuid)
    body = {
        "resource_provider_generation": generation(rng, world, uuid),
        "inventories": records(rng, world),
    }
    return Draft(f"PUT {INVENTORIES}", path(uuid, "inventories"), minor, body)


def update_inventory(rng: random.Random, world: World, minor: int) -> Draft:
    uuid = world.provider()
    if is_unknown(rng, world, uuid):
        return show_generation(world, uuid)
    body = {
        "resource_provider_generation": generation(rng, world, uuid),
        **record(rng),
    }
    target = path(uuid, "inventories", _offered_class(rng, world, uuid))
    return Draft(f"PUT {INVENTORY}", target, minor, body)


def delete_inventory(rng: random.Random, world: World, minor: int) -> Draft:
    uuid = world.provider()
    target = path(uuid, "inventories", _offered_class(rng, world, uuid))
    return Draft(f"DELETE {INVENTORY}", target, minor)


def _offered_class(rng: random.Random, world: World, uuid: str) -> str:
    offered = sorted(world.offers.get(uuid, ()))
    return rng.choice([*offered * 3, world.resource_class()])


def delete_inventories(rng: random.Random, world: World, minor: int) -> Draft:
    target = path(world.provider(), "inventories")
    return Draft(f"DELETE {INVENTORIES}", target, minor)


def set_aggregates(rng: random.Random, world: World, minor: int) -> Draft:
    uuid = world.provider()
    aggregates = rng.sample(world.aggregates, rng.randint(0, 3))
    body: object = aggregates
    if minor >= 19:
        if is_unknown(rng, world, uuid):
            return show_generation(world, uuid)
        body = {
            "aggregates": aggregates,
            "resource_provider_generation": generation(rng, world, uuid),
        }
    return Draft(f"PUT {PROVIDER}/aggregates", path(uuid, "aggregates"), minor, body)


def set_traits(rng: random.Random, world: World, minor: int) -> Draft:
    uuid = world.provider()
    if is_unknown(rng, world, uuid):
        return show_generation(world, uuid)
    body = {
        "traits": [world.trait() for _ in range(rng.randint(0, 4))],
        "resource_provider_generation": generation(rng, world, uuid),
    }
    return Draft(f"PUT {PROVIDER}/traits", path(uuid, "traits"), minor, body)


def delete_traits(rng: random.Random, world: World, minor: int) -> Draft:
    target = path(world.provider(), "traits")
    return Draft(f"DELETE {PROVIDER}/traits", target, minor)
