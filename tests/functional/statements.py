"""The SQL statements that are sent while something is done."""

import collections.abc
import contextlib
import typing

import sqlalchemy as sa

_OF_TRANSACTIONS = ("BEGIN", "SET TRANSACTION")


@contextlib.contextmanager
def recorded() -> collections.abc.Iterator[list[str]]:
    """Yield a list that every statement of every engine is added to.

    What begins and ends transactions is not among them.
    """
    statements: list[str] = []

    def note(
        _conn: typing.Any, _cursor: typing.Any, statement: str, *_: object
    ) -> None:
        if not statement.startswith(_OF_TRANSACTIONS):
            statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
