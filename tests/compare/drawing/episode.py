"""Draw the requests of an episode: create a small cloud, then send any requests."""

import collections.abc
import random

from tests.compare.drawing import claims, names, providers, searches
from tests.compare.drawing.draft import Draft
from tests.compare.drawing.mutate import mutate
from tests.compare.drawing.world import World
from tests.compare.exchange import Request

BUILDING = 45
LATEST = 39

Draw = collections.abc.Callable[[random.Random, World, int], Draft]

# Weight, first minor version and function of each kind of request.
_BUILDING: list[tuple[int, int, Draw]] = [
    (10, 0, providers.create),
    (14, 0, providers.set_inventories),
    (4, 6, providers.set_traits),
    (4, 1, providers.set_aggregates),
    (2, 2, names.put_class),
    (2, 6, names.put_trait),
    (4, 8, claims.put),
]
_ANYTHING: list[tuple[int, int, Draw]] = [
    (1, 0, names.show_versions),
    (4, 0, providers.show),
    (5, 0, providers.create),
    (7, 0, providers.update),
    (2, 0, providers.delete),
    (4, 0, providers.create_inventory),
    (8, 0, providers.set_inventories),
    (8, 0, providers.update_inventory),
    (2, 0, providers.delete_inventory),
    (1, 5, providers.delete_inventories),
    (5, 1, providers.set_aggregates),
    (5, 6, providers.set_traits),
    (1, 6, providers.delete_traits),
    (1, 2, names.list_classes),
    (1, 2, names.show_class),
    (2, 2, names.create_class),
    (4, 2, names.put_class),
    (2, 2, names.delete_class),
    (3, 6, names.list_traits),
    (1, 6, names.show_trait),
    (3, 6, names.put_trait),
    (2, 6, names.delete_trait),
    (2, 0, claims.show),
    (12, 0, claims.put),
    (8, 13, claims.post),
    (4, 0, claims.delete),
    (16, 30, claims.reshape),
    (4, 9, claims.show_usages),
    (8, 0, searches.list_providers),
    (22, 10, searches.candidates),
]


def requests(
    rng: random.Random, world: World, count: int
) -> collections.abc.Iterator[Request]:
    """Yield ``count`` requests; ``world`` may be updated between two of them."""
    for number in range(count):
        is_building = number < BUILDING
        table = _BUILDING if is_building else _ANYTHING
        [(_, since, draw)] = rng.choices(table, [weight for weight, _, _ in table])
        draft = draw(rng, world, _minor(rng, since))
        mutation_chance = 0.04 if is_building else 0.3
        while rng.random() < mutation_chance:
            mutate(rng, world, draft)
        yield draft.request()


def _minor(rng: random.Random, since: int) -> int:
    """Return a minor version: often the latest, rarely one before ``since``."""
    if rng.random() < 0.3:
        return LATEST
    if rng.random() < 0.04:
        return rng.randint(0, LATEST)
    return rng.randint(since, LATEST)


def visible_state(world: World) -> list[Request]:
    """Return reads of everything that the episode may have changed."""
    drafts = [
        Draft("GET /resource_providers", "/resource_providers", LATEST),
        Draft("GET /resource_classes", "/resource_classes", LATEST),
        Draft("GET /traits", "/traits", LATEST, query=[("name", "startswith:CUSTOM_")]),
    ]
    for uuid in world.created:
        drafts += [
            Draft(
                f"GET {providers.PROVIDER}/{part}", providers.path(uuid, part), LATEST
            )
            for part in ("inventories", "aggregates", "traits", "usages", "allocations")
        ]
    drafts += [claims.show_generation(consumer) for consumer in world.consumers]
    drafts += [
        Draft("GET /usages", "/usages", LATEST, query=[("project_id", project)])
        for project in world.projects
    ]
    drafts += [
        Draft(
            "GET /allocation_candidates",
            "/allocation_candidates",
            LATEST,
            query=[("resources", f"{name}:1")],
        )
        for name in world.known_classes
    ]
    return [draft.request() for draft in drafts]
