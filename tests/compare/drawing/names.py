"""Well-formed requests about resource classes and traits, and the version document."""

import random

from tests.compare.drawing.draft import NO_BODY, Draft
from tests.compare.drawing.world import World


def show_versions(rng: random.Random, world: World, minor: int) -> Draft:
    return Draft("GET /", "/", minor)


def list_classes(rng: random.Random, world: World, minor: int) -> Draft:
    return Draft("GET /resource_classes", "/resource_classes", minor)


def show_class(rng: random.Random, world: World, minor: int) -> Draft:
    name = world.resource_class()
    return Draft("GET /resource_classes/{name}", f"/resource_classes/{name}", minor)


def create_class(rng: random.Random, world: World, minor: int) -> Draft:
    body = {"name": _class_name(rng, world)}
    return Draft("POST /resource_classes", "/resource_classes", minor, body)


def put_class(rng: random.Random, world: World, minor: int) -> Draft:
    """Draw a rename or, since 1.7, a request that ensures that a class exists."""
    name = _class_name(rng, world)
    if minor < 7 and rng.random() < 0.5:
        name = world.resource_class()
    body: object = {"name": _class_name(rng, world)}
    return Draft(
        "PUT /resource_classes/{name}",
        f"/resource_classes/{name}",
        minor,
        body if minor < 7 or rng.random() < 0.1 else NO_BODY,
    )


def delete_class(rng: random.Random, world: World, minor: int) -> Draft:
    name = _class_name(rng, world)
    return Draft("DELETE /resource_classes/{name}", f"/resource_classes/{name}", minor)


def _class_name(rng: random.Random, world: World) -> str:
    if rng.random() < 0.9:
        return rng.choice(world.custom_classes)
    return rng.choice(["VCPU", "lower", "CUSTOM_", "CUSTOM_a", "CUSTOM_" + "X" * 249])


def list_traits(rng: random.Random, world: World, minor: int) -> Draft:
    query = []
    if rng.random() < 0.7:
        names = ",".join(world.trait() for _ in range(rng.randint(1, 3)))
        prefix = rng.choice(["CUSTOM", "HW", "STORAGE", "NONE", "CUSTOM-T"])
        query.append(
            ("name", rng.choice([f"in:{names}", f"startswith:{prefix}", "in:", names]))
        )
    if rng.random() < 0.5 or not query:
        values = ["true", "false", "True", "FALSE", "yes", "", "1"]
        query.append(("associated", rng.choice(values[:4] * 3 + values)))
    return Draft("GET /traits", "/traits", minor, query=query)


def show_trait(rng: random.Random, world: World, minor: int) -> Draft:
    return Draft("GET /traits/{name}", f"/traits/{world.trait()}", minor)


def put_trait(rng: random.Random, world: World, minor: int) -> Draft:
    return Draft("PUT /traits/{name}", f"/traits/{_trait_name(rng, world)}", minor)


def delete_trait(rng: random.Random, world: World, minor: int) -> Draft:
    return Draft("DELETE /traits/{name}", f"/traits/{_trait_name(rng, world)}", minor)


def _trait_name(rng: random.Random, world: World) -> str:
    if rng.random() < 0.9:
        return rng.choice(world.custom_traits)
    unusual = ["lower", "CUSTOM_", "CUSTOM_a", "CUSTOM_" + "X" * 249, "HW_NEW"]
    return rng.choice(["HW_CPU_X86_AVX", *unusual])
