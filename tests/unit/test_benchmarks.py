"""The tables of the benchmarks can be made; what they measure takes too long here."""

import pytest

from benchmarks import claims, extensions, search
from benchmarks.turns import Limits


@pytest.mark.parametrize("table", [claims, extensions, search])
def test_the_rows_of_a_table_have_names(table):
    assert table.measurements(Limits(rounds=1, seconds=1), timeout_seconds=1)
