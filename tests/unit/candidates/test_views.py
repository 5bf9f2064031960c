"""Sets of traits as bits."""

from placement.candidates.views import TraitBits


def test_sets_of_traits_are_the_same_bits_whenever_they_are_asked():
    bits = TraitBits()

    first = bits.of([40, 7])
    assert bits.of([7]) | bits.of([40]) == first
    assert bits.of([7]) & bits.of([40]) == 0
    assert bits.of([7, 40, 7]) == first
    assert bits.of([]) == 0
