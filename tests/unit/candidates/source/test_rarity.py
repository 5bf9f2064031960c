"""Hints about rare needs expire, and wrong ones change no answer."""

import json
import random

import hypothesis
import pytest

from placement.candidates.source import rarity, scan
from placement.candidates.source.rarity import NeedStats
from placement.candidates.sql.statements import Need, NeedKind
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Provider
from tests.unit.candidates.test_search import SEED, SEEDS, WORLDS, drawn_worlds
from tests.unit.candidates.worlds import flat_cloud


def room(amount, class_id=0):
    return Need(NeedKind.ROOM, (class_id, amount))


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(rarity, "time", clock)
    return clock


@pytest.mark.parametrize("is_rare", [False, True])
@pytest.mark.parametrize("need", [room(5), Need(NeedKind.TRAIT, (7, 9))])
def test_a_need_is_known_for_a_minute(clock, need, is_rare):
    stats = NeedStats()
    assert stats.is_rare(need) is None

    stats.note(need, is_rare)

    clock.now += 59
    assert stats.is_rare(need) is is_rare
    clock.now += 2
    assert stats.is_rare(need) is None


def test_less_than_a_common_amount_is_common(clock):
    stats = NeedStats()
    stats.note(room(5), False)
    stats.note(room(3), False)
    stats.note(room(8), True)

    assert stats.is_rare(room(2)) is False
    assert stats.is_rare(room(4)) is False
    assert stats.is_rare(room(6)) is None
    assert stats.is_rare(room(8)) is True
    assert stats.is_rare(room(3, class_id=1)) is None
    clock.now += 61
    assert stats.is_rare(room(3)) is None
    # A smaller amount replaces a larger one that has expired.
    stats.note(room(2), False)
    assert stats.is_rare(room(1)) is False
    assert stats.is_rare(room(3)) is None


def test_long_needs_are_not_kept(clock):
    stats = NeedStats()
    for count, expected in ((8, True), (9, None)):
        need = Need(NeedKind.TRAIT, tuple(range(count)))
        stats.note(need, True)
        assert stats.is_rare(need) is expected


def test_the_number_of_needs_is_bounded(clock):
    stats = NeedStats()
    for number in range(9000):
        stats.note(Need(NeedKind.TRAIT, (number,)), True)

    assert len(stats._rare.values()) <= 2000


HINTS = {
    "rare": lambda need: True,
    "common": lambda need: False,
    "unknown": lambda need: None,
    "random": lambda need: random.choice([True, False, None]),
}


# Each world is searched twenty times.
@hypothesis.settings(drawn_worlds, max_examples=WORLDS // 3)
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS, is_flat=hypothesis.strategies.booleans())
def test_wrong_hints_change_no_answer(engine, seed, is_flat):
    draw = worlds.Drawn(seed)
    providers = draw.hosts(8) if is_flat else draw.alike_trees(6)
    question = draw.question()
    worlds.store(engine, providers)
    right = {}
    for limit in ("", "&limit=2"):
        query = f"{worlds.query_of(question)}{limit}"
        right[query] = worlds.ask(worlds.context_of(engine), query)

    for hint in HINTS.values():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NeedStats, "is_rare", lambda _self, need, of=hint: of(need))
            context = worlds.context_of(engine)
            for query, answer in right.items():
                for _ in range(2):
                    assert worlds.ask(context, query) == answer


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("able", [1, 2, 12, 30, 60])
@pytest.mark.parametrize("has_children", [False, True])
def test_wrong_hints_keep_the_order_over_many_pages(
    engine, monkeypatch, able, hint, has_children
):
    monkeypatch.setattr(scan, "RARE_MAX", 3)
    monkeypatch.setattr(scan, "PAGE_MIN", 1)
    monkeypatch.setattr(scan, "PAGE_MAX", 4)
    monkeypatch.setattr(NeedStats, "is_rare", lambda _self, need: HINTS[hint](need))
    cloud = flat_cloud(60)
    for index, provider in enumerate(cloud):
        if index % (60 // able):
            provider.inventory = {}
    if has_children:
        cloud.append(Provider("child", "h7"))
    worlds.store(engine, cloud)
    context = worlds.context_of(engine)
    expected = [worlds.uuid_of(f"h{i}") for i in range(0, 60, 60 // able)][:able]

    for limit in (1, 1, 5, 60):
        document = json.loads(worlds.ask(context, f"resources=VCPU:1&limit={limit}"))
        found = [
            next(iter(one["allocations"])) for one in document["allocation_requests"]
        ]
        assert found == expected[:limit]
