"""Explanations by arrays say what those that read every tree say."""

import dataclasses
import random

import hypothesis
import pytest
from hypothesis import strategies as st

from placement.api.querystring import Query
from placement.candidates.explain import document, explanation
from placement.candidates.query import request
from placement.candidates.search import HOSTS, hosts_of
from placement.candidates.source.hosts import Hosts
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Group, Inventory, Provider, Question
from tests.unit.candidates.test_hosts import Cloud, drawn_question
from tests.unit.candidates.test_search import SEED, SEEDS, WORLDS, drawn_worlds


def explain(context, question, nested=True, **options):
    asked = request.parse(
        Query.parse(worlds.query_of(question).encode()), worlds.LATEST
    )
    asked = dataclasses.replace(asked, nested_aware=nested)
    return document.document(explanation.explain(context, asked, **options))


def asking(rng):
    """Return a question that few hosts, or none, can answer."""
    question = drawn_question(rng)
    (group,) = question.groups
    for resource_class in group.resources:
        group.resources[resource_class] *= rng.choice([1, 2, 4, 9])
    if not rng.randrange(3):
        group.not_member_of = frozenset("B")
    if not rng.randrange(4):
        question.groups.append(Group("1", {"VCPU": rng.randint(1, 6)}))
    if not rng.randrange(4):
        question.root_required = frozenset(["CUSTOM_T1"])
    return question


# Each example stores several worlds.
@hypothesis.settings(drawn_worlds, max_examples=max(1, WORLDS // 5))
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, nested=st.sampled_from([True, True, False]))
def test_arrays_explain_every_change(engine, seed, nested):
    rng = random.Random(seed)
    cloud = Cloud(rng)
    for _ in range(6):
        cloud.add()
    context = worlds.context_of(engine)
    for _ in range(3):
        worlds.store(engine, cloud.hosts, revisions=cloud.revisions)
        question = asking(rng)
        options = {"hosts": rng.randrange(8)}
        if rng.randrange(2):
            options["provider"] = worlds.uuid_of(rng.choice(cloud.hosts).name)
        expected = explain(without_arrays(engine), question, nested, **options)
        found = explain(context, question, nested, **options)
        hypothesis.event(found["cause"])
        assert found == expected
        assert len(hosts_of(context).ids) == len(cloud.hosts)
        cloud.step()


def without_arrays(engine):
    context = worlds.context_of(engine)
    context.service.kept[HOSTS] = Hosts(0)
    return context


def found_by_arrays(engine, hosts, question, count=8):
    """Return the explanation, and the numbers of hosts that stand for others."""
    worlds.store(engine, hosts)
    asked = request.parse(
        Query.parse(worlds.query_of(question).encode()), worlds.LATEST
    )
    found = explanation.explain(worlds.context_of(engine), asked, hosts=count)
    return found, [len(each.members) for each in found.survey.by_state.values()]


def test_equal_hosts_are_explained_by_one_of_them(engine):
    hosts = [
        Provider(
            f"h{number}",
            inventory={"VCPU": Inventory(total=4 + number % 2)},
            used={"VCPU": 3},
        )
        for number in range(12)
    ]

    found, representatives = found_by_arrays(
        engine, hosts, Question([Group("", {"VCPU": 2})])
    )

    assert found.survey.roots == 12
    assert found.survey.fits == 6
    assert [each.root.id for each in found.near] == [1, 3, 5, 7, 9, 11]
    assert representatives == [1]


@pytest.mark.parametrize(("min_unit", "representatives"), [(1, [1]), (2, [2])])
def test_hosts_with_unit_rules_are_alike_if_their_offers_are_equal(
    engine, min_unit, representatives
):
    hosts = [
        Provider(
            name,
            inventory={
                "VCPU": Inventory(total=total, min_unit=min_unit),
                "MEMORY_MB": Inventory(total=4),
            },
        )
        for name, total in {"small": 2, "large": 8, "same": 2}.items()
    ]
    question = Question([Group("", {"VCPU": 2, "MEMORY_MB": 9})])

    found, alike = found_by_arrays(engine, hosts, question)

    assert alike == representatives
    assert [each.root.id for each in found.near] == [1, 2, 3]


def test_hosts_with_room_for_each_group_are_not_alike_if_both_ask_for_a_class(engine):
    hosts = [
        Provider("small", inventory={"VCPU": Inventory(total=3)}),
        Provider("large", inventory={"VCPU": Inventory(total=8)}),
    ]
    question = Question([Group("", {"VCPU": 2}), Group("1", {"VCPU": 2})])

    found, _ = found_by_arrays(engine, hosts, question)

    assert (found.survey.roots, found.survey.fits) == (2, 1)


def test_kinds_of_offers_that_no_host_has_are_dropped(engine):
    hosts = [Provider("h", inventory={"VCPU": Inventory(total=4)})]
    question = Question([Group("", {"VCPU": 9})])
    context = worlds.context_of(engine)
    arrays = hosts_of(context)
    worlds.store(engine, hosts, revisions={"h": 1})
    explain(context, question)
    (offers,) = arrays._offers.values()
    first = next(each for each in offers.offer_numbers if each is not None)
    for used in range(2000):
        offers.set([0], [first._replace(used=used)], [0])
    arrays.revisions[0] = 0
    assert len(offers.offer_numbers) > 2000

    found = explain(context, question)

    assert len(offers.offer_numbers) == 2
    assert found == explain(without_arrays(engine), question)
