"""Statements that are sent together, where the database takes several at once.

Each of them does what it would do alone, in their order; the way to the database
and back is made once. Only what the last one returns can be read.
"""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import conflicts, prepared

# Several statements in one text are one transaction, whose isolation may otherwise be
# any that the server is set to. Its plans are for lists of any length: to plan for each
# anew takes longer than to run them.
TRANSACTION = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
    "SET LOCAL plan_cache_mode = force_generic_plan"
)

_Result = sa.CursorResult[*tuple[typing.Any, ...]]


class Step(typing.NamedTuple):
    """A statement and its parameters; with a list of these it runs for each.

    A statement that is written anew each time, because it has to be expanded, does
    not go together with others.
    """

    statement: sa.Executable
    parameters: prepared.Parameters | list[dict[str, typing.Any]]
    is_fixed: bool = True


def run(conn: sa.Connection, steps: collections.abc.Sequence[Step]) -> _Result:
    """Run the steps, of which there is at least one, and return what the last does.

    The statements give all their values: none are added by defaults of columns.
    """
    kept = prepared.find(conn)
    if kept is not None and all(step.is_fixed for step in steps):
        return kept.run(
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
    """Run a statement that is the same object each time, as ``run`` does."""
    return run(conn, [Step(statement, parameters)])


def required(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    """Return a statement that fails unless all conditions are met.

    A transaction of ``run_whole`` that has it does nothing then. The server writes the
    failure to its log, for people to read.
    """
    # As one text, or the failure would be found while the statement is planned.
    number = sa.case((sa.and_(*conditions), _ONE), else_=_NO_NUMBER)
    return sa.select(sa.cast(number, sa.Integer))


_ONE, _NO_NUMBER = (
    sa.literal_column(f"'{text}'", sa.Text)
    for text in ("1", "not as required, which Placement deals with")
)


def run_whole(conn: sa.Connection, steps: collections.abc.Sequence[Step]) -> bool:
    """Run the steps as one transaction, and commit it; all of that is sent together.

    Each of the statements sees what was committed when its turn came. For
    connections that prepare statements, in a block of ``postgresql.alone``.

    Returns False when a condition of ``required`` was not met, and nothing was done.
    """
    kept = prepared.find(conn)
    assert kept is not None
    statements = [
        (step.statement, typing.cast(prepared.Parameters, step.parameters))
        for step in steps
    ]
    try:
        kept.run(conn, statements, first=[TRANSACTION]).close()
    except sa.exc.DBAPIError as failure:
        if conflicts.is_no_number(failure):
            return False
        raise
    return True
