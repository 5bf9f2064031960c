"""Worlds: providers stored in a database, and questions to ask of them."""

import dataclasses
import functools
import json
import random
import types
import uuid

import sqlalchemy as sa

from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates import render, search
from placement.candidates.query import request
from placement.conf.settings import PlacementSettings
from placement.context import RequestContext, Service
from placement.db import revision, tables
from placement.db.names import STANDARD_CLASSES, Names
from tests.unit.candidates.model import (
    SHARING,
    Group,
    Inventory,
    Model,
    Provider,
    Question,
)

CLASSES = {
    **{
        name: STANDARD_CLASSES[name]
        for name in ("VCPU", "MEMORY_MB", "DISK_GB", "SRIOV_NET_VF", "VGPU")
    },
    "CUSTOM_A": 10000,
    "CUSTOM_VF": 10001,
}
# Ids and names are not in the same order.
TRAITS = {
    SHARING: 7,
    "CUSTOM_T1": 12,
    "CUSTOM_T2": 9,
    "CUSTOM_T3": 11,
    "CUSTOM_NET1": 13,
    "CUSTOM_NET2": 14,
    "CUSTOM_NIC": 15,
}
AGGREGATES = {"A": 3, "B": 1, "C": 2}
LATEST = Version(1, 39)
UNSET = PlacementSettings(
    randomize_allocation_candidates=False,
    max_allocation_candidates=-1,
    allocation_candidates_generation_strategy=None,
    candidates_search_seconds_max=30.0,
    search_cache_megabytes=64,
    allocation_conflict_retry_count=0,
    incomplete_consumer_project_id="",
    incomplete_consumer_user_id="",
)


def uuid_of(name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def context_of(engine, **options):
    """A context of a process that has nothing cached."""
    settings = types.SimpleNamespace(
        placement=PlacementSettings(
            **{name: getattr(UNSET, name) for name in UNSET.__slots__} | options
        )
    )
    return RequestContext(Service(settings, engine, Names(), None))


def make_tables(engine):
    tables.metadata.create_all(engine)
    with engine.begin() as conn:
        for table, ids in (
            (tables.resource_classes, CLASSES),
            (tables.traits, TRAITS),
        ):
            rows = [{"id": id_, "name": name} for name, id_ in ids.items()]
            conn.execute(sa.insert(table), rows)
        conn.execute(
            sa.insert(tables.placement_aggregates),
            [{"id": id_, "uuid": uuid_of(name)} for name, id_ in AGGREGATES.items()],
        )
        conn.execute(sa.insert(tables.name_changes).values(id=1, revision=1))


def store(engine, providers, first_id=1, revisions=None, definitions=None):
    """Replace what is stored by ``providers``; a parent may come after its child.

    ``revisions`` are by name; those that are missing are 1. ``definitions`` has the
    earlier ones since which only the usage has changed.
    """
    revisions, definitions = revisions or {}, definitions or {}
    ids = {one.name: first_id + index for index, one in enumerate(providers)}
    parents = {one.name: one.parent for one in providers}

    def root(name):
        while parents[name] is not None:
            name = parents[name]
        return name

    rows = {table: [] for table in _STORED}
    for one in providers:
        rows[tables.resource_providers].append(
            {
                "id": ids[one.name],
                "uuid": uuid_of(one.name),
                "name": one.name,
                "generation": 0,
                "root_provider_id": ids[root(one.name)],
                "parent_provider_id": ids.get(one.parent),
                "state": one.state,
                **_revision(revisions.get(one.name, 1), definitions.get(one.name)),
            }
        )
        of_provider = {"resource_provider_id": ids[one.name]}
        for name, offer in one.inventory.items():
            of_class = of_provider | {"resource_class_id": CLASSES[name]}
            used = one.used.get(name, 0)
            rows[tables.inventories].append({**of_class, **vars(offer), "used": used})
        for trait in sorted(one.traits):
            rows[tables.resource_provider_traits].append(
                of_provider | {"trait_id": TRAITS[trait]}
            )
        for aggregate in sorted(one.aggregates):
            rows[tables.resource_provider_aggregates].append(
                of_provider | {"aggregate_id": AGGREGATES[aggregate]}
            )
    with engine.begin() as conn:
        clear(conn)
        for table, of_table in rows.items():
            # Parents may have greater ids than their children.
            plain = [
                row | {"parent_provider_id": None, "root_provider_id": None}
                if table is tables.resource_providers
                else row
                for row in of_table
            ]
            if plain:
                conn.execute(sa.insert(table), plain)
            if table is tables.resource_providers:
                _place(conn, of_table)


def _place(conn, rows):
    providers = tables.resource_providers
    conn.execute(
        sa.update(providers)
        .where(providers.c.id == sa.bindparam("of"))
        .values(
            parent_provider_id=sa.bindparam("parent"),
            root_provider_id=sa.bindparam("root"),
        ),
        [
            {
                "of": row["id"],
                "parent": row["parent_provider_id"],
                "root": row["root_provider_id"],
            }
            for row in rows
        ],
    )


def clear(conn):
    providers = tables.resource_providers
    conn.execute(
        sa.update(providers).values(parent_provider_id=None, root_provider_id=None)
    )
    for table in reversed(_STORED):
        conn.execute(sa.delete(table))


_STORED = (
    tables.resource_providers,
    tables.inventories,
    tables.resource_provider_traits,
    tables.resource_provider_aggregates,
)


def _revision(last, definition):
    """Return the columns of a revision; see ``placement.db.revision``."""
    if definition in (None, last):
        return {"revision": 2 * last, "definition_revision": 0}
    return {"revision": 2 * last + 1, "definition_revision": 2 * definition}


def change(engine, *sql, ids=(), only_usage=False):
    """Run statements, and advance the revisions of the providers with ``ids``."""
    providers = tables.resource_providers
    advanced = {"revision": providers.c.revision.bitwise_or(1) + 1}
    if only_usage:
        advanced = {
            "definition_revision": revision.of_definition(providers),
            "revision": (providers.c.revision + 1).bitwise_or(1),
        }
    with engine.begin() as conn:
        for statement in sql:
            conn.execute(sa.text(statement))
        if ids:
            conn.execute(
                sa.update(providers).where(providers.c.id.in_(ids)).values(advanced)
            )


def use_late(engine, provider_id, later):
    """Use one unit of each class, at a revision that is ``later`` than the last one.

    There are newer revisions of other providers.
    """
    change(
        engine,
        "UPDATE inventories SET used = used + 1"
        f" WHERE resource_provider_id = {provider_id}",
        f"UPDATE resource_providers SET revision = revision + {later}"
        f" WHERE id = {provider_id}",
    )


def ask(context, query, version="1.39", chance=None):
    """Return the document that a search answers with, as bytes."""
    at = Version(*map(int, version.split(".")))
    return render.document(search.search(context, parse(query, at), chance), at)


@functools.lru_cache(1000)
def parse(query, version):
    """Return the same request for the same query, as the handler does."""
    return request.parse(Query.parse(query.encode()), version)


@dataclasses.dataclass
class Answer:
    """A parsed document, without the form of its version."""

    text: bytes
    document: dict

    @classmethod
    def of(cls, context, question, nested=True):
        """Ask in the words of 1.39; only nesting may be that of an older version.

        An older version cannot say all that is asked here, but the rule of 1.29 is
        one of the search.
        """
        asked = request.parse(Query.parse(query_of(question).encode()), LATEST)
        asked = dataclasses.replace(asked, nested_aware=nested)
        text = render.document(search.search(context, asked), LATEST)
        # Cached trees and batches make no difference.
        for _ in range(2):
            assert render.document(search.search(context, asked), LATEST) == text
        return cls(text, json.loads(text))


def request_of(question, nested=True):
    """Return the request of a question; ``nested`` is the rule of 1.29."""
    asked = parse(query_of(question), LATEST)
    return dataclasses.replace(asked, nested_aware=nested)


def summary_of(model, name):
    """Return the summary of a provider since 1.29, from the model."""
    provider = model.providers[name]
    parent = provider.parent
    return {
        "resources": {
            resource_class: {
                "capacity": int(offer.capacity),
                "used": provider.used.get(resource_class, 0),
            }
            for resource_class, offer in provider.inventory.items()
        },
        "traits": sorted(provider.traits, key=TRAITS.__getitem__),
        "parent_provider_uuid": None if parent is None else uuid_of(parent),
        "root_provider_uuid": uuid_of(model.root(name)),
    }


def shown(document, names):
    """Return the candidates of a parsed document, as the model says them, in order."""
    found = []
    for one in document["allocation_requests"]:
        allocations = one["allocations"]
        if isinstance(allocations, list):
            allocations = {a["resource_provider"]["uuid"]: a for a in allocations}
        amounts = frozenset(
            (names[of], resource_class, amount)
            for of, given in allocations.items()
            for resource_class, amount in given["resources"].items()
        )
        mappings = frozenset(
            (suffix, frozenset(names[of] for of in providers))
            for suffix, providers in one.get("mappings", {}).items()
        )
        found.append((amounts, mappings))
    return found


def query_of(question):
    """Write a question as a query string."""
    pairs = []
    for group in question.groups:
        suffix = group.suffix
        if group.resources:
            items = ",".join(f"{name}:{n}" for name, n in group.resources.items())
            pairs.append(f"resources{suffix}={items}")
        for names in group.required:
            listed = sorted(names)
            value = listed[0] if len(listed) == 1 else "in:" + ",".join(listed)
            pairs.append(f"required{suffix}={value}")
        if group.forbidden:
            listed = ",".join("!" + name for name in sorted(group.forbidden))
            pairs.append(f"required{suffix}={listed}")
        for sets, sign in ((group.member_of, ""), ([group.not_member_of], "!")):
            for names in sets:
                if names:
                    listed = ",".join(uuid_of(name) for name in sorted(names))
                    pairs.append(f"member_of{suffix}={sign}in:{listed}")
        if group.in_tree is not None:
            pairs.append(f"in_tree{suffix}={uuid_of(group.in_tree)}")
    if question.isolate or len(question.groups) > 1:
        policy = "isolate" if question.isolate else "none"
        pairs.append(f"group_policy={policy}")
    for suffixes in question.same_subtree:
        pairs.append("same_subtree=" + ",".join(sorted(suffixes)))
    root = sorted(question.root_required)
    root += ["!" + name for name in sorted(question.root_forbidden)]
    if root:
        pairs.append("root_required=" + ",".join(root))
    return "&".join(pairs)


_FILTER_TRAITS = ("CUSTOM_T1", "CUSTOM_T2", "CUSTOM_T3")
ASKED_CLASSES = ("VCPU", "MEMORY_MB", "CUSTOM_A")
_SUFFIXES = ("_A", "_B", "_C", "_D")
_UNIT_MAX = 2**31 - 1


class Drawn:
    """Draws from a seed, so that most questions have an answer in their world."""

    def __init__(self, seed):
        self._chance = random.Random(seed)
        # Of the states of providers.
        self._other_chance = random.Random(f"{seed} states")
        self._count = 0

    def is_one_in(self, many):
        return self._chance.randrange(many) == 0

    def some(self, among, most):
        """At least one of ``among``."""
        return frozenset(self._chance.sample(among, self._chance.randint(1, most)))

    def inventory(self):
        pick = self._chance.choice
        return Inventory(
            total=self._chance.randint(1, 8),
            reserved=pick([0, 0, 0, 1]),
            min_unit=pick([1, 1, 1, 1, 2]),
            max_unit=pick([_UNIT_MAX, _UNIT_MAX, 1, 2, 3]),
            step_size=pick([1, 1, 1, 1, 2]),
            allocation_ratio=pick([1.0, 1.0, 0.7, 0.9, 1.5, 2.0]),
        )

    def providers(self):
        """Up to nine providers in up to three trees of depth four; up to three share.

        Their ids are in random order.
        """
        roots = self._chance.randint(1, 3)
        count = roots + self._chance.randint(0, 6)
        self._count = count
        depths, providers, sharing = [], [], 0
        for index in range(count):
            parent, depth = None, 1
            if index >= roots:
                above = self._chance.choice([i for i in range(index) if depths[i] < 4])
                parent, depth = f"p{above}", depths[above] + 1
            depths.append(depth)
            traits = frozenset()
            if self.is_one_in(2):
                traits = self.some(_FILTER_TRAITS, 2)
            if sharing < 3 and self.is_one_in(3):
                traits |= {SHARING}
                sharing += 1
            offered = sorted(self.some(ASKED_CLASSES, 3)) if index % 5 != 4 else []
            providers.append(
                Provider(
                    name=f"p{index}",
                    parent=parent,
                    inventory={name: self.inventory() for name in offered},
                    used={name: self._chance.choice([0, 0, 1, 2]) for name in offered},
                    traits=traits,
                    aggregates=self.some("ABC", 2)
                    if self.is_one_in(2)
                    else frozenset(),
                )
            )
        self._chance.shuffle(providers)
        return self._with_states(providers)

    def hosts(self, count, offered=ASKED_CLASSES):
        """Providers without parents, in few variants; up to two of them share."""
        providers, sharing = [], 0
        for index in range(count):
            traits = self.some(_FILTER_TRAITS, 2) if self.is_one_in(2) else frozenset()
            if sharing < 2 and self.is_one_in(5):
                traits |= {SHARING}
                sharing += 1
            classes = sorted(self.some(offered, len(offered)))
            providers.append(
                Provider(
                    name=f"p{index}",
                    inventory={name: self.inventory() for name in classes},
                    used={name: self._chance.choice([0, 0, 1, 2]) for name in classes},
                    traits=traits,
                    aggregates=self.some("AB", 1) if self.is_one_in(2) else frozenset(),
                )
            )
        self._count = count
        return self._with_states(providers)

    def _with_states(self, providers):
        """In one world of three, take some providers out of service."""
        chance = self._other_chance
        if chance.randrange(3) == 0:
            for one in providers:
                one.state = chance.choice([0, 0, 0, 1, 2])
        return providers

    def alike_trees(self, count):
        """Trees of one or two shapes; offers, traits and aggregates differ a little.

        Up to two sharing providers are roots of their own, or belong to a tree.
        """
        shapes = [self._shape() for _ in range(self._chance.randint(1, 2))]
        providers = []
        for number in range(count):
            for index, (parent, classes) in enumerate(self._chance.choice(shapes)):
                providers.append(
                    Provider(
                        name=f"t{number}_{index}",
                        parent=None if parent is None else f"t{number}_{parent}",
                        inventory={
                            name: Inventory(self._chance.choice([1, 2, 4]))
                            for name in classes
                        },
                        used={name: self._chance.choice([0, 0, 1]) for name in classes},
                        traits=self.some(_FILTER_TRAITS, 2)
                        if self.is_one_in(3)
                        else frozenset(),
                        aggregates=self.some("AB", 1)
                        if self.is_one_in(3)
                        else frozenset(),
                    )
                )
        for number in range(self._chance.randint(0, 2)):
            above = self._chance.choice(providers).name if self.is_one_in(3) else None
            place = self._chance.randint(0, len(providers))
            classes = self.some(ASKED_CLASSES, 2)
            providers.insert(
                place,
                Provider(
                    name=f"s{number}",
                    parent=above,
                    inventory={name: Inventory(4) for name in sorted(classes)},
                    traits=frozenset([SHARING, *self.some(_FILTER_TRAITS, 1)]),
                    aggregates=self.some("AB", 2),
                ),
            )
        self._count = 0
        return self._with_states(providers)

    def _shape(self):
        """The (parent, classes) of each provider of a tree."""
        shape = []
        for index in range(self._chance.randint(1, 4)):
            parent = self._chance.randrange(index) if index else None
            shape.append((parent, sorted(self.some(ASKED_CLASSES, 2))))
        return shape

    def group(self, suffix, may_be_empty, filters):
        classes = self.some(ASKED_CLASSES, 1 + self.is_one_in(2))
        if may_be_empty and self.is_one_in(2):
            classes = ()
        resources = {
            name: self._chance.choice([1, 1, 1, 2]) for name in sorted(classes)
        }
        group = Group(suffix=suffix, resources=resources)
        if self.is_one_in(filters):
            sets = self._chance.randint(1, 2)
            group.required = [self.some(_FILTER_TRAITS, 2) for _ in range(sets)]
        if self.is_one_in(filters + 1):
            group.forbidden = self.some(_FILTER_TRAITS, 1)
        if self.is_one_in(filters + 1):
            sets = self._chance.randint(1, 2)
            group.member_of = [self.some("ABC", 2) for _ in range(sets)]
        if self.is_one_in(filters + 1):
            group.not_member_of = self.some("ABC", 1)
        if self.is_one_in(filters + 2):
            group.in_tree = f"p{self._chance.randrange(self._count + 1)}"
        if any(wanted <= group.forbidden for wanted in group.required):
            group.forbidden = frozenset()
        if not (resources or group.required or group.forbidden):
            group.required = [frozenset(_FILTER_TRAITS)]
        return group

    def question(self):
        """Up to four groups, with everything that can be asked of the whole."""
        count = self._chance.choice([0, 1, 1, 2, 2, 3, 4])
        suffixes = self._chance.sample(_SUFFIXES, count)
        filters = self._chance.choice([2, 3, 5, 8])
        subtrees = []
        if count and self.is_one_in(2):
            sizes = [self._chance.randint(1, min(3, count)) for _ in range(2)]
            subtrees = [
                frozenset(self._chance.sample(suffixes, size))
                for size in sizes[: self._chance.randint(1, 2)]
            ]
        together = frozenset().union(*subtrees)
        groups = [self.group(name, name in together, filters) for name in suffixes]
        if count == 0 or (count < 4 and self.is_one_in(2)):
            groups.insert(0, self.group("", False, filters))
        if not any(group.resources for group in groups):
            groups[0].resources = {"VCPU": 1}
        required = forbidden = frozenset()
        if self.is_one_in(6):
            required = self.some(_FILTER_TRAITS, 1)
        if self.is_one_in(6):
            forbidden = self.some(_FILTER_TRAITS, 1)
        return Question(
            groups=groups,
            isolate=self.is_one_in(2),
            same_subtree=subtrees,
            root_required=required,
            root_forbidden=forbidden - required,
        )


def draw(seed):
    """Return providers and a question; most of what is drawn has an answer.

    A question without one is often drawn again, because most rules show only where
    they leave something and take something away.
    """
    drawn = Drawn(seed)
    providers = drawn.providers()
    model = Model(providers)
    for _ in range(10):
        question = drawn.question()
        if model.candidates(question) or drawn.is_one_in(8):
            break
    return providers, question


def flat_cloud(hosts):
    return [
        Provider(f"h{i}", None, {"VCPU": Inventory(8), "MEMORY_MB": Inventory(64)})
        for i in range(hosts)
    ]


def nested_cloud(hosts, devices=2):
    cloud = []
    for i in range(hosts):
        cloud.append(Provider(f"h{i}", None, {"VCPU": Inventory(8)}))
        cloud += [
            Provider(f"h{i}d{j}", f"h{i}", {"CUSTOM_A": Inventory(1)})
            for j in range(devices)
        ]
    return cloud
