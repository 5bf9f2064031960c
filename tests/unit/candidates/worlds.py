"""Worlds: providers stored in a database, and questions to ask of them."""

import dataclasses
import json
import types
import uuid

import sqlalchemy as sa
from hypothesis import strategies as st

from placement.candidates import find, render, request
from placement.conf.settings import PlacementSettings
from placement.context import RequestContext, Service
from placement.db import tables
from placement.db.names import STANDARD_CLASSES, Names
from placement.microversion import Version
from placement.querystring import Query
from tests.unit.candidates.model import SHARING, Group, Inventory, Provider, Question

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
    allocation_conflict_retry_count=0,
    incomplete_consumer_project_id="",
    incomplete_consumer_user_id="",
)


def uuid_of(name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def context_of(engine, **options):
    """A context of a process that has asked nothing yet."""
    settings = types.SimpleNamespace(
        placement=PlacementSettings(
            **{name: getattr(UNSET, name) for name in UNSET.__slots__} | options
        )
    )
    return RequestContext(Service(settings, engine, Names(), None), None, None)


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


def store(engine, providers, first_id=1):
    """Replace what is stored by ``providers``; a parent may come after its child."""
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
                "revision": 1,
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


def ask(context, query, version="1.39", chance=None):
    """Return the document that a search answers with, as bytes."""
    at = Version(*map(int, version.split(".")))
    asked = request.parse(Query.parse(query.encode()), at)
    return render.document(find.find(context, asked, chance), at)


@dataclasses.dataclass
class Answer:
    """A parsed document, without the form of its version."""

    document: dict

    @classmethod
    def of(cls, context, question, nested=True):
        """Ask in the words of 1.39; only nesting may be that of an older version.

        An older version cannot say all that is asked here, but the rule of 1.29 is
        one of the search.
        """
        asked = request.parse(Query.parse(query_of(question).encode()), LATEST)
        asked = dataclasses.replace(asked, nested_aware=nested)
        found = find.find(context, asked)
        return cls(json.loads(render.document(found, LATEST)))


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


_custom_traits = st.sampled_from(["CUSTOM_T1", "CUSTOM_T2", "CUSTOM_T3"])
_aggregates = st.sampled_from(list(AGGREGATES))
_class_names = st.sampled_from(["VCPU", "MEMORY_MB", "CUSTOM_A"])
_UNIT_MAX = 2**31 - 1


def _some(strategy, size_max):
    return st.frozensets(strategy, max_size=size_max)


@st.composite
def inventories(draw):
    total = draw(st.integers(1, 6))
    offer = Inventory(
        total=total,
        reserved=draw(st.sampled_from([0, 0, 0, 1])),
        min_unit=draw(st.sampled_from([1, 1, 1, 2])),
        max_unit=draw(st.sampled_from([_UNIT_MAX, _UNIT_MAX, 2, 3])),
        step_size=draw(st.sampled_from([1, 1, 1, 2])),
        allocation_ratio=draw(st.sampled_from([1.0, 1.0, 0.9, 1.5, 2.0])),
    )
    return offer, draw(st.sampled_from([0, 0, 0, 1, 2]))


@st.composite
def provider_lists(draw):
    """Up to eight providers in up to three trees of depth four; up to three share."""
    count = draw(st.integers(1, 8))
    roots = draw(st.integers(1, min(3, count)))
    depths = []
    providers = []
    sharing = 0
    for index in range(count):
        parent = None
        depth = 1
        if index >= roots:
            fitting = [i for i in range(index) if depths[i] < 4]
            above = draw(st.sampled_from(fitting))
            parent, depth = f"p{above}", depths[above] + 1
        depths.append(depth)
        traits = draw(_some(_custom_traits, 2))
        if sharing < 3 and draw(st.integers(0, 3)) == 0:
            traits |= {SHARING}
            sharing += 1
        offers = draw(st.dictionaries(_class_names, inventories(), max_size=3))
        providers.append(
            Provider(
                name=f"p{index}",
                parent=parent,
                inventory={name: offer for name, (offer, _) in offers.items()},
                used={name: used for name, (_, used) in offers.items()},
                traits=traits,
                aggregates=draw(_some(_aggregates, 2)),
            )
        )
    return draw(st.permutations(providers))


@st.composite
def groups(draw, suffix, may_be_empty):
    resources = draw(
        st.dictionaries(
            _class_names,
            st.sampled_from([1, 1, 1, 2, 3]),
            min_size=0 if may_be_empty else 1,
            max_size=1 if suffix and draw(st.booleans()) else 2,
        )
    )
    group = Group(suffix=suffix, resources=resources)
    # Filters are rare, so that most questions have an answer.
    if draw(st.integers(0, 2)) == 0:
        group.required = draw(
            st.lists(st.frozensets(_custom_traits, min_size=1, max_size=2), max_size=2)
        )
    if draw(st.integers(0, 3)) == 0:
        group.forbidden = draw(_some(_custom_traits, 1))
    if draw(st.integers(0, 3)) == 0:
        group.member_of = draw(
            st.lists(st.frozensets(_aggregates, min_size=1, max_size=2), max_size=2)
        )
    if draw(st.integers(0, 4)) == 0:
        group.not_member_of = draw(_some(_aggregates, 2))
    if draw(st.integers(0, 5)) == 0:
        group.in_tree = draw(st.sampled_from([f"p{i}" for i in range(9)]))
    if any(wanted <= group.forbidden for wanted in group.required):
        group.forbidden = frozenset()
    if may_be_empty and not (group.resources or group.required or group.forbidden):
        group.required = [frozenset([draw(_custom_traits)])]
    return group


@st.composite
def questions(draw):
    """Up to four groups, with everything that can be asked of the whole."""
    suffixes = draw(
        st.lists(st.sampled_from(["_A", "_B", "_C", "_D"]), unique=True, max_size=4)
    )
    asked = []
    if not suffixes or (len(suffixes) < 4 and draw(st.booleans())):
        asked.append(draw(groups("", False)))
    subtrees = []
    if suffixes and draw(st.booleans()):
        subtrees = draw(
            st.lists(st.frozensets(st.sampled_from(suffixes), min_size=1), max_size=2)
        )
    together = frozenset().union(*subtrees)
    for suffix in suffixes:
        asked.append(draw(groups(suffix, suffix in together)))
    if not any(group.resources for group in asked):
        asked[0].resources = {"VCPU": 1}
    few = st.sampled_from([0, 0, 0, 0, 1])
    required = draw(_some(_custom_traits, 1)) if draw(few) else frozenset()
    forbidden = draw(_some(_custom_traits, 1)) if draw(few) else frozenset()
    return Question(
        groups=asked,
        isolate=draw(st.booleans()),
        same_subtree=subtrees,
        root_required=required,
        root_forbidden=forbidden - required,
    )
