"""Record the SQL statements of all engines."""

import collections.abc
import contextlib
import re
import typing

import sqlalchemy as sa

# Statements that begin a transaction.
_OF_TRANSACTIONS = re.compile("(BEGIN|SET TRANSACTION)[^;]*")


@contextlib.contextmanager
def recorded() -> collections.abc.Iterator[list[str]]:
    """Yield a list to which every statement of every engine is added.

    Excludes the statements that begin and end transactions.
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
