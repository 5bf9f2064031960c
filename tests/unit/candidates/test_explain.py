"""Explanations say what the model says, on random worlds."""

import dataclasses
import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from placement.api.querystring import Query
from placement.candidates.explain import document, explanation
from placement.candidates.query import request
from tests.unit.candidates import explained, worlds
from tests.unit.candidates.model import Group, Inventory, Model, Provider, Question
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds

# Names that a question may have of a provider that is not there.
UNKNOWN = [f"p{number}" for number in range(12)]


def explain(engine, question, nested=True, names=(), **options):
    """Return the document, with the model's names for uuids."""
    asked = request.parse(
        Query.parse(worlds.query_of(question).encode()), worlds.LATEST
    )
    asked = dataclasses.replace(asked, nested_aware=nested)
    context = worlds.context_of(engine)
    found = document.document(explanation.explain(context, asked, **options))
    by_uuid = {worlds.uuid_of(name): name for name in (*names, *UNKNOWN, *"ABC")}

    def named(value):
        if isinstance(value, dict):
            return {key: named(each) for key, each in value.items()}
        if isinstance(value, list):
            values = [named(each) for each in value]
            is_names = values and all(isinstance(each, str) for each in values)
            return sorted(values) if is_names else values
        return by_uuid.get(value, value) if isinstance(value, str) else value

    return named(found)


def draw(seed):
    """Return providers and a question that most often has no answer."""
    drawn = worlds.Drawn(seed)
    kind = seed % 3
    if kind == 0:
        providers = drawn.providers()
    elif kind == 1:
        providers = drawn.alike_trees(1 + seed % 4)
    else:
        providers = drawn.hosts(1 + seed % 6)
    if drawn.is_one_in(2):
        fill(providers)
    model = Model(providers)
    for _ in range(8):
        question = drawn.question()
        scale = 4 if drawn.is_one_in(6) else 1
        for group in question.groups:
            group.resources = {
                name: amount * scale for name, amount in group.resources.items()
            }
        # Most conditions of most requests leave some host.
        is_offered = not explained.is_not_offered(model, question)
        is_empty = not model.candidates(question)
        if (is_empty and is_offered) or drawn.is_one_in(8):
            break
    return providers, question


def fill(providers):
    """Leave at most one unit of each inventory."""
    for number, one in enumerate(providers):
        one.used = {
            name: max(0, int(offer.capacity) - number % 2)
            for name, offer in one.inventory.items()
        }


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, nested=st.sampled_from([True, True, True, False]))
def test_an_explanation_says_what_trying_everything_says(engine, seed, nested):
    providers, question = draw(seed)
    model = Model(providers)
    worlds.store(engine, providers)

    found = explain(engine, question, nested, model.providers, hosts=3)

    hypothesis.event(f"cause: {found['cause']}, complete: {found['complete']}")
    assert found["roots"] == len(explained.roots_of(model))
    assert found["fits"] == explained.fits(model, question, nested)
    assert found["cause"] == explained.cause(model, question, nested)
    assert counted(found) == expected_counts(model, question)
    assert sum(each["roots"] for each in found["combine"]) == sum(
        not model_fits and is_served(model, question, root)
        for root in explained.roots_of(model)
        for model_fits in [fits_at(model, question, nested, root)]
    )
    assert len(found["nearest"]) == min(3, found["roots"] - found["fits"])
    assert all(each["failed"] for each in found["nearest"])
    check_relaxations(model, question, nested, found)


def counted(found):
    """Return the counts of a document: of the anchor, and by slot."""
    anchor = [
        (s["condition"], s["left"], s["pass"], s["only"]) for s in found["anchor"]
    ]
    groups = {
        (group["suffix"], group["resource_class"]): [
            (s["condition"], s.get("value"), s["left"], s["pass"], s["only"])
            for s in group["steps"]
        ]
        for group in found["groups"]
    }
    return anchor, groups


def expected_counts(model, question):
    anchor, of_slots = explained.counts(model, question)
    slots = explained.slots_of(question)
    return (
        [
            (name, *counts)
            for name, counts in zip(
                explained.anchor_steps(question), anchor, strict=True
            )
        ],
        {
            (
                slot.group.suffix,
                None if slot.group.suffix else next(iter(slot.amounts)),
            ): [
                (name, shown(value), *counts)
                for (name, value), counts in zip(slot.steps, of_slot, strict=True)
                if name != "state" or counts[1] < len(explained.roots_of(model))
            ]
            for slot, of_slot in zip(slots, of_slots, strict=True)
        },
    )


def shown(value):
    if value is None:
        return None
    return [value] if isinstance(value, str) else sorted(value)


def is_served(model, question, root):
    return model.is_allowed(root, question) and all(
        explained.serves(model, slot, slot.steps, root)
        for slot in explained.slots_of(question)
    )


def fits_at(model, question, nested, root):
    return any(
        nested or model.takes_one_per_tree(candidate)
        for candidate in model.candidates_at(question, root)
    )


def check_relaxations(model, question, nested, found):
    """Each makes candidates at as many roots, and no part of it does."""
    listed = found["relax"]
    assert not (listed and found["fits"])
    sizes = [(len(each["change"]), -each["roots"]) for each in listed]
    assert sizes == sorted(sizes)
    assert all(1 <= size <= 3 for size, _ in sizes)
    for each in listed:
        changes = each["change"]
        after = explained.changed(question, nested, changes)
        assert explained.fits(model, *after) == each["roots"] > 0, each
        for size in range(1, len(changes)):
            for part in itertools.combinations(changes, size):
                fewer = explained.changed(question, nested, part)
                assert not explained.fits(model, *fewer), (each, part)
    if found["complete"] and not found["fits"]:
        check_single_changes(model, question, nested, found)
        check_single_amounts(model, question, nested, found)


def check_single_changes(model, question, nested, found):
    """No single condition is missed of which dropping makes candidates."""
    listed = [each["change"][0] for each in found["relax"] if len(each["change"]) == 1]
    for change in single_changes(question, nested):
        after = explained.changed(question, nested, [change])
        if explained.fits(model, *after):
            assert change in listed, change


def check_single_amounts(model, question, nested, found):
    """Of each amount the nearest one that makes candidates is listed."""
    listed = {}
    for each in found["relax"]:
        (*_, change) = each["change"]
        if len(each["change"]) == 1 and "to" in change:
            key = (change["suffix"], change["resource_class"])
            listed.setdefault(key, set()).add(change["to"])
    for group in question.groups:
        for name, asked in group.resources.items():
            fitting = [
                amount
                for amount in range(1, asked + 4)
                if amount != asked
                and fits_with(model, question, nested, group, name, amount)
            ]
            if fitting:
                least = min(abs(amount - asked) for amount in fitting)
                tos = listed.get((group.suffix, name), ())
                assert least in {abs(to - asked) for to in tos}, (group, name, fitting)


def fits_with(model, question, nested, group, name, amount):
    change = {"suffix": group.suffix, "resource_class": name, "to": amount}
    after = explained.changed(question, nested, [change | {"condition": "room"}])
    return explained.fits(model, *after)


def single_changes(question, nested):
    for name in explained.anchor_steps(question):
        yield {"condition": name, "value": sorted(getattr(question, name))}
    if question.isolate:
        yield {"rule": "isolate"}
    if question.same_subtree:
        yield {"rule": "same_subtree"}
    if not nested:
        yield {"rule": "one_per_tree"}
    for slot in explained.slots_of(question):
        if explained.is_collective(slot.group) and slot.group.required:
            yield {"rule": "collective_traits"}
        for name, value in slot.steps:
            if name not in explained.OF_AMOUNT:
                yield {
                    "suffix": slot.group.suffix,
                    "resource_class": None
                    if slot.group.suffix
                    else next(iter(slot.amounts)),
                    "condition": name,
                    "value": shown(value),
                }


def test_what_was_found_in_time_is_not_complete(engine):
    worlds.store(engine, worlds.flat_cloud(300))
    question = Question([Group("", {"VCPU": 16})])

    found = explain(engine, question, seconds_max=0)

    assert not found["complete"]
    assert 0 < found["roots"] < 300
    assert explain(engine, question)["complete"]


def test_at_most_twenty_relaxations_are_listed(engine):
    worlds.store(engine, [Provider("h", None, {"VCPU": Inventory(43)})])
    # The host has one unit too few; each of the groups can do without it.
    groups = [Group(f"_{number}", {"VCPU": 2}) for number in range(22)]

    found = explain(engine, Question(groups))

    assert len(found["relax"]) == 20
    assert not found["complete"]


def test_a_cloud_without_providers_offers_nothing(engine):
    with engine.begin() as conn:
        worlds.clear(conn)

    found = explain(engine, Question([Group("", {"VCPU": 1})]))

    assert (found["roots"], found["fits"], found["cause"]) == (0, 0, "not_offered")
    assert found["nearest"] == []


@pytest.mark.parametrize(
    ("amount", "used", "limits", "expected"),
    [
        (64, 80, {}, ("room", 48)),
        (64, 80, {"step_size": 10}, ("room", 40)),
        (64, 0, {"max_unit": 32}, ("max_unit", 32)),
        (200, 80, {}, ("size", 48)),
        (3, 0, {"min_unit": 4}, ("min_unit", 4)),
        (7, 0, {"step_size": 4}, ("step_size", 8)),
        (5, 0, {"step_size": 4}, ("step_size", 4)),
        (6, 0, {"step_size": 4}, ("step_size", 4)),
        (64, 128, {}, None),
    ],
)
def test_an_amount_becomes_the_nearest_one_that_fits(
    engine, amount, used, limits, expected
):
    offer = {"VCPU": Inventory(128, **limits)}
    worlds.store(engine, [Provider("h", None, offer, {"VCPU": used})])

    found = explain(engine, Question([Group("", {"VCPU": amount})]))

    changes = [
        (change["condition"], change["to"])
        for each in found["relax"]
        for change in each["change"]
    ]
    assert changes == ([] if expected is None else [expected])


def test_a_lower_amount_of_another_provider_is_found_if_the_nearest_is_taken(engine):
    host = Provider("h", None, {"CUSTOM_A": Inventory(1)})
    child = Provider("c", "h", {"CUSTOM_A": Inventory(2), "VCPU": Inventory(4)})
    worlds.store(engine, [host, child])
    groups = [Group("_A", {"CUSTOM_A": 4}), Group("_D", {"VCPU": 4})]

    found = explain(engine, Question(groups, isolate=True))

    assert [each["change"] for each in found["relax"]] == [
        [{"suffix": "_A", "resource_class": "CUSTOM_A", "condition": "size", "to": 1}]
    ]


def test_a_class_that_nobody_offers_can_be_left_out(engine):
    worlds.store(engine, worlds.flat_cloud(2))

    found = explain(engine, Question([Group("", {"VCPU": 1, "VGPU": 1})]))

    assert found["relax"] == [
        {
            "change": [{"suffix": "", "resource_class": "VGPU", "condition": "offers"}],
            "roots": 2,
            "verified": True,
        }
    ]


def test_the_summary_of_a_full_host_is_about_its_room(engine):
    offer = {"VCPU": Inventory(8)}
    others = [Provider(f"p{number}", None, offer) for number in (1, 2)]
    worlds.store(engine, [Provider("p0", None, offer, {"VCPU": 6}), *others])
    asked = Question([Group("", {"VCPU": 4}, in_tree="p0")])

    found = explain(engine, asked)

    assert found["cause"] == "full"
    assert found["summary"] == (
        "1 host lacks only VCPU; the most that any of them has free is 2"
    )


def test_the_summary_of_a_cordoned_host_is_not_about_the_room_of_others(engine):
    offers = {"VCPU": Inventory(8), "MEMORY_MB": Inventory(8)}
    cordoned = Provider("p0", None, offers, state=1)
    worlds.store(engine, [cordoned, Provider("p1", None, offers, {"VCPU": 6})])

    found = explain(engine, Question([Group("", {"VCPU": 4, "MEMORY_MB": 1})]))

    assert found["cause"] == "cordoned"
    assert found["summary"] == (
        "every host that could serve the request now is not in service"
    )


def test_the_summary_has_the_room_of_those_that_lack_nothing_else(engine):
    offers = {"VCPU": Inventory(8), "MEMORY_MB": Inventory(8)}
    used = [{"VCPU": 6}, {"VCPU": 5, "MEMORY_MB": 8}, {"VCPU": 7}]
    worlds.store(
        engine,
        [Provider(f"p{at}", None, offers, each) for at, each in enumerate(used)],
    )

    found = explain(engine, Question([Group("", {"VCPU": 4, "MEMORY_MB": 1})]))

    assert found["summary"] == (
        "2 hosts lack only VCPU; the most that any of them has free is 2"
    )


def test_every_rule_that_leaves_no_candidate_is_in_the_summary(engine):
    full = Provider("h1", None, {"VCPU": Inventory(16)}, {"VCPU": 10})
    worlds.store(engine, [full, Provider("h2", None, {"VCPU": Inventory(16)})])
    groups = [Group("_A", {"VCPU": 6}), Group("_B", {"VCPU": 6})]

    of_two = explain(engine, Question(groups, isolate=True))["summary"]
    larger = [groups[0], Group("_B", {"VCPU": 11})]
    of_one = explain(engine, Question(larger))["summary"]

    assert of_two.endswith(
        "2 hosts can serve each slot alone, and sum (1 host) or isolate (1 host) "
        "leaves no candidate"
    )
    assert of_one.endswith(
        "1 host can serve each slot alone, and sum leaves no candidate"
    )
