"""Statements that are sent together, where the database takes several at once.

Each of them does what it would do alone, in their order; the way to the database
and back is made once. Only what the last one returns can be read.
"""

import collections.abc
import functools
import typing

import sqlalchemy as sa

_Parameters = collections.abc.Mapping[str, typing.Any]
_Result = sa.CursorResult[*tuple[typing.Any, ...]]


class Step(typing.NamedTuple):
    """A statement and its parameters; with a list of these it runs for each.

    A statement that is written anew each time, because it has to be expanded, does
    not go together with others.
    """

    statement: sa.Executable
    parameters: _Parameters | list[dict[str, typing.Any]]
    is_fixed: bool = True


def run(conn: sa.Connection, steps: collections.abc.Sequence[Step]) -> _Result:
    """Run the steps, of which there is at least one, and return what the last does.

    The statements give all their values: none are added by defaults of columns.
    """
    # Even of one step this is less work than SQLAlchemy makes of it.
    if conn.dialect.driver == "psycopg2" and all(step.is_fixed for step in steps):
        return conn.exec_driver_sql(
            "; ".join(_text(conn, step) for step in steps),
            execution_options={"no_parameters": True},
        )
    for step in steps[:-1]:
        conn.execute(step.statement, step.parameters)
    return conn.execute(steps[-1].statement, steps[-1].parameters)


def _text(conn: sa.Connection, step: Step) -> str:
    """Return the statement with its values, quoted by the driver."""
    compiled = _compiled(step.statement, conn.dialect)
    parameters = compiled.construct_params(typing.cast(_Parameters, step.parameters))
    cursor = typing.cast(typing.Any, conn.connection.cursor())
    text: bytes = cursor.mogrify(str(compiled), parameters)
    cursor.close()
    # As all our connections to PostgreSQL are encoded.
    return text.decode()


@functools.lru_cache(maxsize=512)
def _compiled(statement: sa.Executable, dialect: sa.Dialect) -> sa.Compiled:
    return typing.cast("sa.ClauseElement", statement).compile(dialect=dialect)
