"""Conditions on stored rows, each written once and used by every query.

A condition here has a twin in Python, on the object that the row becomes; a
test holds the two together on every database. Searching, writing and explaining
all go through these, so they cannot disagree.
"""

import typing

import sqlalchemy as sa

MAX_INT = 2**31 - 1


def capacity(inventory: sa.FromClause) -> sa.ColumnElement[float]:
    """Units that may be allocated in all; twin of ``Inventory.capacity``.

    Not rounded down: what is compared with it is whole.
    """
    columns = inventory.c
    return (columns.total - columns.reserved) * columns.allocation_ratio


def allows_amount(
    inventory: sa.FromClause, amount: int | sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """``amount`` is a size that may be taken; twin of ``Offer.refuses_size``.

    An amount above what a column can hold is allowed nowhere, and is not sent.
    """
    if isinstance(amount, int) and amount > MAX_INT:
        return sa.false()
    return sa.and_(*unit_rules(inventory, amount).values())


def unit_rules(
    inventory: sa.FromClause, amount: int | sa.ColumnElement[int]
) -> dict[str, sa.ColumnElement[bool]]:
    """Return the parts of ``allows_amount`` by name, for amounts up to MAX_INT."""
    if isinstance(amount, int):
        amount = sa.literal(amount, sa.Integer)
    columns = inventory.c
    return {
        "min_unit": columns.min_unit <= amount,
        "max_unit": columns.max_unit >= amount,
        # Not "== 0", of which PostgreSQL expects that hardly any row has it.
        "step_size": amount % columns.step_size < 1,
    }


def has_room(
    inventory: sa.FromClause, amount: int | sa.ColumnElement[typing.Any]
) -> sa.ColumnElement[bool]:
    """``amount`` more units stay within capacity; twin of ``Offer.has_room``."""
    return inventory.c.used + amount <= capacity(inventory)


def fits_when_empty(inventory: sa.FromClause, amount: int) -> sa.ColumnElement[bool]:
    """There would be room if nothing were used; twin of ``Offer.has_room`` then."""
    return capacity(inventory) >= amount


def fits(inventory: sa.FromClause, amount: int) -> sa.ColumnElement[bool]:
    """``amount`` more units may be taken; twin of ``Offer.refuses``."""
    if amount > MAX_INT:
        return sa.false()
    return sa.and_(allows_amount(inventory, amount), has_room(inventory, amount))
