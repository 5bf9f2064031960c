"""Bars that show how much of a capacity is used."""

CELLS = 24


def bar(used: int, capacity: int, is_ascii: bool, cells: int = CELLS) -> str:
    """Return a bar of ``cells`` cells for the usage.

    At least one cell is full if anything is used, and all if ``capacity`` is reached or
    exceeded.
    """
    full, empty = ("#", "-") if is_ascii else ("█", "░")
    count = cells if used else 0
    if used and used < capacity:
        count = max(1, cells * used // capacity)
    return full * count + empty * (cells - count)
