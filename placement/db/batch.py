"""Send several statements in one round trip, where the database can run them.

They run one after the other, with the same effect as if sent alone. Only the result
of the last one can be read.
"""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import conflicts, prepared

# The server's configuration must not decide the isolation level. Generic plans serve
# arrays of any length; planning for each array would take longer than running.
TRANSACTION = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
    "SET LOCAL plan_cache_mode = force_generic_plan"
)

Row = tuple[typing.Any, ...]
_Result = sa.CursorResult[*tuple[typing.Any, ...]]


class Step(typing.NamedTuple):
    """A statement with its parameters, or with a list of them to run it for each.

    ``is_fixed`` is False for a statement whose text depends on its parameters, such
    as an expanded list; it is not sent together with others.
    """

    statement: sa.Executable
    parameters: prepared.Parameters | list[dict[str, typing.Any]]
    is_fixed: bool = True


def run(conn: sa.Connection, steps: collections.abc.Sequence[Step]) -> _Result:
    """Run one or more steps and return the result of the last one.

    The statements must set all values themselves: column defaults are not applied.
    """
    statements = prepared.find(conn)
    if statements is not None and all(step.is_fixed for step in steps):
        return statements.run(
            conn,
            (
                (step.statement, typing.cast(prepared.Parameters, step.parameters))
                for step in steps
            ),
        )
    for step in steps[:-1]:
        conn.execute(step.statement, step.parameters)
    return conn.execute(steps[-1].statement, steps[-1].parameters)


def run_one(
    conn: sa.Connection, statement: sa.Executable, parameters: prepared.Parameters
) -> _Result:
    """Run one statement; callers pass the same object each time, so it is prepared."""
    return run(conn, [Step(statement, parameters)])


def required(
    *conditions: sa.ColumnElement[bool],
    result: sa.ColumnElement[typing.Any] | None = None,
) -> sa.Select[tuple[int]]:
    """Return a statement that fails unless all conditions are met.

    It selects 1, or ``result``, an integer.

    It rolls back the transaction of ``run_transaction`` that contains it. The server
    logs the failure, so its text is written for the reader of that log.
    """
    # The planner evaluates a cast of a constant, but not one of this expression.
    met = _ONE if result is None else sa.cast(result, sa.Text)
    number = sa.case((sa.and_(*conditions), met), else_=_NO_NUMBER)
    return sa.select(sa.cast(number, sa.Integer))


_ONE, _NO_NUMBER = (
    sa.literal_column(f"'{text}'", sa.Text)
    for text in ("1", "condition not met, Placement handles this")
)


def run_transaction(
    conn: sa.Connection, steps: collections.abc.Sequence[Step]
) -> list[Row] | None:
    """Run the steps as one transaction, including COMMIT, in one round trip.

    Isolation is READ COMMITTED. Requires a connection that prepares statements, in a
    block of ``postgresql.autocommit``.

    Returns the rows of the last step, or None if a condition of ``required`` was not
    met; nothing is changed then.
    """
    prepared_statements = prepared.find(conn)
    assert prepared_statements is not None
    statements = [
        (step.statement, typing.cast(prepared.Parameters, step.parameters))
        for step in steps
    ]
    try:
        result = prepared_statements.run(conn, statements, first=[TRANSACTION])
        rows = [tuple(row) for row in result] if result.returns_rows else []
        result.close()
    except sa.exc.DBAPIError as failure:
        if conflicts.is_invalid_text(failure):
            return None
        raise
    return rows
