"""The compact set of uuids does what a set does."""

import random
import uuid

import pytest

from placement.objects import uuid_set
from placement.objects.uuid_set import UUIDSet


@pytest.mark.parametrize("buckets", [1, 3, 2**16])
def test_it_has_what_a_set_has(monkeypatch, buckets):
    monkeypatch.setattr(uuid_set, "_BUCKETS", buckets)
    draw = random.Random(buckets)
    # Few different bytes, so that a uuid is often found across two others.
    some = [bytes(draw.choices(b"\0\1", k=16)) for _ in range(300)]
    known, model = UUIDSet(), set()
    for _ in range(3000):
        each = draw.choice(some)
        assert (each in known) is (each in model)
        if draw.random() < 0.6:
            known.add(each)
            model.add(each)
        else:
            known.discard(each)
            model.discard(each)
        assert len(known) == len(model)
    assert sorted(known) == sorted(model)


def test_it_is_made_of_uuids():
    some = [uuid.uuid4().bytes for _ in range(3)]

    assert sorted(UUIDSet([*some, some[0]])) == sorted(some)
