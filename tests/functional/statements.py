"""The SQL statements that are sent while something is done."""

import collections.abc
import contextlib
import typing

import sqlalchemy as sa


@contextlib.contextmanager
def recorded() -> collections.abc.Iterator[list[str]]:
    """Yield a list that every statement of every engine is added to.

    What a driver sends on its own (BEGIN, COMMIT) is not among them.
    """
    statements: list[str] = []

    def note(
        _conn: typing.Any, _cursor: typing.Any, statement: str, *_: object
    ) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
