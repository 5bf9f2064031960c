"""SQL conditions on inventories and providers, shared by searches and writes.

Each has a twin in Python, on ``Inventory``, ``Offer`` or ``ProviderSnapshot``; a test
compares the two on every database.
"""

import typing

import sqlalchemy as sa

MAX_INT = 2**31 - 1

# A literal, for the estimates of generic plans.
_CORDONED = sa.literal_column("1", sa.Integer)


def capacity(inventory: sa.FromClause) -> sa.ColumnElement[float]:
    """Units that can be allocated in total; twin of ``Inventory.capacity``.

    Not rounded, because it is compared with whole numbers only.
    """
    columns = inventory.c
    return (columns.total - columns.reserved) * columns.allocation_ratio


def allows_amount(
    inventory: sa.FromClause, amount: int | sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """``amount`` satisfies the unit rules; twin of ``Offer.refuses_size``.

    False for amounts above MAX_INT, which are not sent to the database.
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
        # Not "== 0": PostgreSQL would estimate that hardly any row satisfies it.
        "step_size": amount % columns.step_size < 1,
    }


def has_room(
    inventory: sa.FromClause, amount: int | sa.ColumnElement[typing.Any]
) -> sa.ColumnElement[bool]:
    """Adding ``amount`` units stays within capacity; twin of ``Offer.has_room``."""
    return inventory.c.used + amount <= capacity(inventory)


def is_in_service(provider: sa.FromClause) -> sa.ColumnElement[bool]:
    """The provider takes new allocations; see ``objects.provider_state``."""
    # Not "= 0": without statistics, PostgreSQL would estimate that hardly any row
    # satisfies it.
    state: sa.ColumnElement[int] = provider.c.state
    return state < _CORDONED


def fits(
    inventory: sa.FromClause, amount: int | sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """``amount`` units can be allocated; twin of ``Offer.refuses``."""
    if isinstance(amount, int) and amount > MAX_INT:
        return sa.false()
    return sa.and_(allows_amount(inventory, amount), has_room(inventory, amount))
