"""Bars of usage."""

import pytest

from placement.cmd.bars import bar


@pytest.mark.parametrize(
    ("used", "capacity", "cells"),
    [(0, 8, 0), (1, 1000, 1), (4, 8, 12), (7, 8, 21), (8, 8, 24), (9, 8, 24)],
)
def test_bars_show_the_share_of_the_capacity(used, capacity, cells):
    assert bar(used, capacity, is_ascii=True) == "#" * cells + "-" * (24 - cells)


def test_a_bar_without_capacity_is_empty_or_full():
    assert bar(0, 0, is_ascii=False) == "░" * 24
    assert bar(1, 0, is_ascii=False) == "█" * 24


def test_a_bar_can_have_another_width():
    assert bar(1, 2, is_ascii=False, cells=4) == "██░░"
