"""The SQL statements that are sent while something is done, together or alone."""

import collections.abc
import contextlib
import re
import typing

import sqlalchemy as sa

# What begins a transaction, and is sent alone.
_OF_TRANSACTIONS = re.compile("(BEGIN|SET TRANSACTION)[^;]*")


@contextlib.contextmanager
def recorded() -> collections.abc.Iterator[list[str]]:
    """Yield a list that every statement of every engine is added to.

    What begins and ends transactions is not among them.
    """
    statements: list[str] = []

    def note(
        _conn: typing.Any, _cursor: typing.Any, statement: str, *_: object
    ) -> None:
        if not _OF_TRANSACTIONS.fullmatch(statement):
            statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
