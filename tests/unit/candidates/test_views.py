"""What a process keeps of providers, and for how long."""

from placement.candidates.views import KeptViews, TraitBits
from tests.unit.candidates.test_combine import provider


def test_sets_of_traits_are_the_same_bits_whenever_they_are_asked():
    bits = TraitBits()

    first = bits.of([40, 7])
    assert bits.of([7]) | bits.of([40]) == first
    assert bits.of([7]) & bits.of([40]) == 0
    assert bits.of([7, 40, 7]) == first
    assert bits.of([]) == 0


def test_what_was_used_last_is_kept():
    kept = KeptViews(size_max=8)
    for id_ in range(100):
        kept.add(provider(id_, {}))
        kept.find(0)

    assert kept.find(99) is not None
    assert kept.find(0) is not None
    assert kept.find(50) is None


def test_no_more_is_kept_than_the_bound():
    kept = KeptViews(size_max=8)
    for id_ in range(100):
        kept.add(provider(id_, {}))

    assert sum(kept.find(id_) is not None for id_ in range(100)) <= 8
