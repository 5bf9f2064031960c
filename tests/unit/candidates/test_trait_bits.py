"""Sets of traits as integers."""

import concurrent.futures

from placement.candidates.trait_bits import TraitBits


def test_a_set_is_always_the_same_bits():
    bits = TraitBits()

    first = bits.of([40, 7])
    assert bits.of([7]) | bits.of([40]) == first
    assert bits.of([7]) & bits.of([40]) == 0
    assert bits.of([7, 40, 7]) == first
    assert bits.of([]) == 0


def test_threads_agree_on_the_bit_of_a_trait():
    bits = TraitBits()

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(lambda _: [bits.of([id_]) for id_ in range(500)], range(4))
        )

    assert len(set(map(tuple, found))) == 1
    assert len(set(found[0])) == 500


def test_equal_json_is_one_object():
    bits = TraitBits()
    one, other = (b"".join([b"traits", b"!"]) for _ in range(2))
    assert one is not other

    assert bits.shared(one) is bits.shared(other)


def test_shared_json_is_bounded():
    bits = TraitBits()
    for number in range(5000):
        bits.shared(b"%d" % number)

    assert len(bits._json) <= 1000
