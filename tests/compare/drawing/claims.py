"""Well-formed requests about allocations, reshapes and usages."""

import random

from tests.compare.drawing import providers
from tests.compare.drawing.draft import Draft
from tests.compare.drawing.world import TYPES, World

CONSUMER = "/allocations/{consumer}"


def show(rng: random.Random, world: World, minor: int) -> Draft:
    consumer = world.consumer()
    return Draft(f"GET {CONSUMER}", f"/allocations/{consumer}", minor)


def show_generation(consumer: str) -> Draft:
    """Return a read of the generation that a write needs."""
    return Draft(f"GET {CONSUMER}", f"/allocations/{consumer}", 39)


def delete(rng: random.Random, world: World, minor: int) -> Draft:
    consumer = world.consumer()
    return Draft(f"DELETE {CONSUMER}", f"/allocations/{consumer}", minor)


def put(rng: random.Random, world: World, minor: int) -> Draft:
    consumer = world.consumer()
    if is_unknown(rng, world, consumer, minor):
        return show_generation(consumer)
    body = consumer_body(rng, world, minor, consumer, may_be_empty=minor >= 28)
    return Draft(f"PUT {CONSUMER}", f"/allocations/{consumer}", minor, body)


def post(rng: random.Random, world: World, minor: int) -> Draft:
    consumers = rng.sample(world.consumers, rng.randint(1, 3))
    for consumer in consumers:
        if is_unknown(rng, world, consumer, minor):
            return show_generation(consumer)
    return Draft(
        "POST /allocations",
        "/allocations",
        minor,
        _bodies(rng, world, minor, consumers),
    )


def reshape(rng: random.Random, world: World, minor: int) -> Draft:
    """Draw new inventories for some providers, and new allocations of them."""
    uuids = sorted({world.provider() for _ in range(rng.randint(1, 3))})
    consumers = rng.sample(world.consumers, rng.randint(0, 2))
    for uuid in uuids:
        if providers.is_unknown(rng, world, uuid):
            return providers.show_generation(world, uuid)
    for consumer in consumers:
        if is_unknown(rng, world, consumer, minor):
            return show_generation(consumer)
    body = {
        "inventories": {
            uuid: {
                "resource_provider_generation": providers.generation(rng, world, uuid),
                "inventories": providers.records(rng, world, at_most=5),
            }
            for uuid in uuids
        },
        "allocations": _bodies(rng, world, minor, consumers),
    }
    return Draft("POST /reshaper", "/reshaper", minor, body)


def show_usages(rng: random.Random, world: World, minor: int) -> Draft:
    query = [("project_id", rng.choice(world.projects))]
    if rng.random() < 0.3:
        query.append(("user_id", rng.choice(world.users)))
    if minor >= 38 and rng.random() < 0.6:
        types = [*TYPES, "all", "unknown", "allx", "other"]
        query.append(("consumer_type", rng.choice(types)))
    return Draft("GET /usages", "/usages", minor, query=query)


def is_unknown(rng: random.Random, world: World, consumer: str, minor: int) -> bool:
    known = consumer in world.consumer_generations
    return minor >= 28 and not known and rng.random() < 0.95


def _bodies(
    rng: random.Random, world: World, minor: int, consumers: list[str]
) -> dict[str, object]:
    return {
        consumer: consumer_body(rng, world, minor, consumer, may_be_empty=True)
        for consumer in consumers
    }


def consumer_body(
    rng: random.Random, world: World, minor: int, consumer: str, may_be_empty: bool
) -> dict[str, object]:
    """Draw the request body for one consumer, in the format of the version."""
    at_least = 0 if may_be_empty and rng.random() < 0.15 else 1
    resources: dict[str, dict[str, int]] = {}
    for _ in range(rng.choice([1, 1, 2, 3]) if at_least else 0):
        uuid, name = world.offer()
        resources.setdefault(uuid, {})[name] = rng.choice([1, 1, 2, 2, 2, 4, 8])
    body: dict[str, object] = {"allocations": _allocations(rng, minor, resources)}
    if minor >= 8:
        body["project_id"] = rng.choice(world.projects)
        body["user_id"] = rng.choice(world.users)
    if minor >= 28:
        known = world.consumer_generations.get(consumer)
        body["consumer_generation"] = rng.choice([*[known] * 12, 1, None])
    if minor >= 34 and rng.random() < 0.2:
        body["mappings"] = {rng.choice(["", "_A", "1"]): [world.provider()]}
    if minor >= 38:
        body["consumer_type"] = rng.choice(TYPES)
    return body


def _allocations(
    rng: random.Random, minor: int, resources: dict[str, dict[str, int]]
) -> object:
    if minor < 12:
        return [
            {"resource_provider": {"uuid": uuid}, "resources": amounts}
            for uuid, amounts in resources.items()
        ]
    with_generation: dict[str, object] = {"generation": 0}
    return {
        uuid: {"resources": amounts, **(with_generation if rng.random() < 0.1 else {})}
        for uuid, amounts in resources.items()
    }
