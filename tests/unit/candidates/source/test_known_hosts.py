"""Hosts are known from the pages that were read, up to the first gap."""

import types
import typing

import pytest

from placement.candidates.source.known_hosts import KnownHosts
from placement.objects.claim_request import Amount

GREATEST = 100
CLASSES = {0: "VCPU"}


def tree(id_: int, revision: int = 1, free: int = 8) -> typing.Any:
    root = types.SimpleNamespace(id=id_, offers={0: types.SimpleNamespace(free=free)})
    return types.SimpleNamespace(root=root, members=((id_, id_, revision),))


def noted(*pages: tuple[int, list[int]]) -> KnownHosts:
    hosts = KnownHosts()
    for place, ids in pages:
        hosts.note_page(place, GREATEST, [tree(id_) for id_ in ids])
    return hosts


@pytest.mark.parametrize(
    ("pages", "place", "known"),
    [
        ([], 5, []),
        ([(5, [7, 8])], 5, [7, 8]),
        ([(5, [7, 8])], 105, [7, 8]),
        ([(5, [7, 8])], 6, [7, 8]),
        # Id 5 may be that of a host.
        ([(5, [7, 8])], 4, []),
        ([(5, [7, 8])], 7, [8]),
        ([(5, [7, 8])], 8, []),
        # Between 8 and 20 there may be others.
        ([(5, [7, 8]), (19, [20])], 5, [7, 8]),
        ([(5, [7, 8]), (8, [20])], 5, [7, 8, 20]),
        ([(5, [7, 8]), (3, [7, 8])], 3, [7, 8]),
        # A later page has one host less, or more.
        ([(5, [7, 8, 9]), (5, [7, 9])], 5, [7, 9]),
        ([(5, [7, 9]), (5, [7, 8, 9])], 5, [7, 8, 9]),
        ([(5, [7]), (5, [])], 5, [7]),
    ],
)
def test_hosts_follow_a_place_up_to_what_was_not_read(
    pages: list[tuple[int, list[int]]], place: int, known: list[int]
) -> None:
    hosts = noted(*pages)

    assert list(hosts.after(place)) == known
    assert hosts.has(place) is bool(known)


def test_what_was_taken_counts_until_the_tree_is_read_again() -> None:
    hosts = noted()
    before, now = tree(3, 1), tree(3, 2)
    hosts.note_taken(before.members, [Amount("uuid", "VCPU", 5)])

    assert hosts.has_room(before, ((0, 3),), CLASSES)
    assert not hosts.has_room(before, ((0, 4),), CLASSES)
    assert hosts.has_room(now, ((0, 4),), CLASSES)

    hosts.note_taken(before.members, [Amount("uuid", "VCPU", 3)])

    assert not hosts.has_room(before, ((0, 1),), CLASSES)


def test_hosts_that_are_not_kept_are_forgotten() -> None:
    hosts = noted((5, [7, 8, 9]))
    of_page, of_none = tree(8), tree(50)
    for each in (of_page, of_none):
        hosts.note_taken(each.members, [Amount("uuid", "VCPU", 8)])

    hosts.keep({7, 9})

    assert list(hosts.after(5)) == [7]
    assert list(hosts.after(8)) == [9]
    for each in (of_page, of_none):
        assert hosts.has_room(each, ((0, 8),), CLASSES)


def test_refusals_in_a_row_let_more_and_more_requests_read_first() -> None:
    hosts = noted()
    pauses = []
    for _ in range(9):
        hosts.note_outcome(is_refused=True)
        pauses.append(0)
        while hosts.is_paused():
            pauses[-1] += 1

    assert pauses == [0, 1, 3, 7, 15, 31, 63, 64, 64]
    hosts.note_outcome(is_refused=False)
    hosts.note_outcome(is_refused=True)
    assert not hosts.is_paused()
