"""Statements that are sent together, where the database takes several at once.

Each of them does what it would do alone, in their order; the way to the database
and back is made once. Only what the last one returns can be read.
"""

import collections.abc
import typing

import sqlalchemy as sa

from placement.db import prepared

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
