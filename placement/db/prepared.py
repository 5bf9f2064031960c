"""Prepared statements of PostgreSQL.

Parsing and planning a statement of a claim takes longer than running it. A connection
prepares the statements that it runs often, and then sends only their values.
"""

import collections
import collections.abc
import dataclasses
import functools
import logging
import re
import secrets
import time
import typing

import sqlalchemy as sa
from sqlalchemy import event

from placement.db import pooler
from placement.tracing import points

LOG = logging.getLogger(__name__)

# A statement is prepared at this use; earlier, that would cost more than it saves.
_USES = 3

# Prepared statements are dropped after this time: a plan that scans a table while it is
# small must not be used after it has grown.
SECONDS = 10.0

# Maximum per connection; the server keeps them in memory.
STATEMENTS_MAX = 100

_KEY = "placement_prepared"

# The name of a prepared statement does not exist, or exists already: something shares
# the server's connections between clients, and was not detected as a pooler.
_SHARED_CONNECTION = ("26000", "42P05")
# A migration has changed the result type of a prepared statement.
_CHANGED_TABLES = "0A000"

# Placeholder and per cent sign of the driver.
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")

Parameters = collections.abc.Mapping[str, typing.Any]
_Statement = tuple[sa.Executable, Parameters]


@dataclasses.dataclass(frozen=True, slots=True)
class _Text:
    """The text of a statement for the driver, and for PREPARE.

    ``names`` are the parameters in the order of the server's placeholders. ``values``
    are those that the statement itself has.
    """

    for_driver: str
    for_server: str
    names: list[str]
    values: Parameters


class _Switch:
    """Turns preparing on and off for all connections that share it."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on


class Prepared:
    """The prepared statements of one connection.

    Names are unique across connections and never reused, so a name refers to its
    statement or to none.
    """

    def __init__(self, switch: _Switch) -> None:
        self._switch = switch
        self._prefix = f"placement_{secrets.token_hex(8)}"
        self._named = 0
        self._forget()

    @points.traced(points.BATCH)
    def run(
        self,
        conn: sa.Connection,
        statements: collections.abc.Iterable[_Statement],
        first: collections.abc.Iterable[str] = (),
    ) -> sa.CursorResult[*tuple[typing.Any, ...]]:
        """Run the statements in one round trip; return the result of the last one.

        They must set all values themselves, and be the same objects each time. The SQL
        of ``first`` is sent before them.
        """
        texts = [*first, *self._drop_outdated()]
        new: dict[sa.Executable, str] = {}
        running = []
        cursor = typing.cast(typing.Any, conn.connection.cursor())
        for statement, parameters in statements:
            text = _text(statement, conn.dialect)
            name = self._names.get(statement) or new.get(statement)
            if name is None and self._is_frequent(statement):
                name = new[statement] = self._next_name()
                texts.append(f"PREPARE {name}{text.for_server}")
            running.append(_with_values(cursor, text, name, parameters))
        cursor.close()
        result = conn.exec_driver_sql(
            "; ".join(texts + running), execution_options={"no_parameters": True}
        )
        # After a failure it is unknown what was prepared. Those statements are not
        # used, and dropped with the others.
        self._names |= new
        return result

    def _forget(self) -> None:
        self._since = time.monotonic()
        self._names: dict[sa.Executable, str] = {}
        self._uses: collections.Counter[sa.Executable] = collections.Counter()

    def _drop_outdated(self) -> list[str]:
        """Return the statement that drops all, if they are too old or too many."""
        is_old = time.monotonic() - self._since > SECONDS
        if not is_old and len(self._uses) < STATEMENTS_MAX:
            return []
        had_any = self._named > 0
        self._forget()
        return ["DEALLOCATE ALL"] if had_any else []

    def _is_frequent(self, statement: sa.Executable) -> bool:
        self._uses[statement] += 1
        return self._switch.is_on and self._uses[statement] >= _USES

    def _next_name(self) -> str:
        self._named += 1
        return f"{self._prefix}_{self._named}"


def listen(engine: sa.Engine) -> None:
    """Prepare frequent statements on the connections of an engine to PostgreSQL.

    Nothing is prepared on connections through a pooler. If connections are shared
    between clients without such a sign, the first failure that shows it turns preparing
    off. Such a failure counts as a lost connection.
    """
    switch, off = _Switch(is_on=True), _Switch(is_on=False)

    def opened(_connection: object, record: typing.Any) -> None:
        record.info[_KEY] = Prepared(off if pooler.is_in(record.info) else switch)

    def failed(context: sa.engine.ExceptionContext) -> None:
        code = getattr(context.original_exception, "pgcode", None)
        if code in _SHARED_CONNECTION:
            if switch.is_on:
                LOG.warning(
                    "Connections to the database are shared with other clients: "
                    "statements are no longer prepared, which costs time. With a "
                    "pooler such as PgBouncer this is expected."
                )
            switch.is_on = False
        if code in _SHARED_CONNECTION or code == _CHANGED_TABLES:
            context.is_disconnect = True

    event.listen(engine, "connect", opened)
    event.listen(engine, "handle_error", failed)


def find(conn: sa.Connection) -> Prepared | None:
    """Return the prepared statements of the connection; None without support."""
    return conn.info.get(_KEY)


def _with_values(
    cursor: typing.Any, text: _Text, name: str | None, parameters: Parameters
) -> str:
    """Return the SQL that runs a statement, with its values quoted by the driver."""
    values = {**text.values, **parameters}
    written: bytes
    if name is None:
        written = cursor.mogrify(text.for_driver, values)
    else:
        arguments = [values[each] for each in text.names]
        places = ", ".join(["%s"] * len(arguments))
        run = f"EXECUTE {name}({places})" if places else f"EXECUTE {name}"
        written = cursor.mogrify(run, arguments)
    # All connections to PostgreSQL use UTF-8.
    return written.decode()


@functools.lru_cache(maxsize=512)
def _text(statement: sa.Executable, dialect: sa.Dialect) -> _Text:
    clause = typing.cast("sa.ClauseElement", statement)
    compiled = typing.cast(typing.Any, clause.compile(dialect=dialect))
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%"
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    body = _PLACEHOLDER.sub(numbered, str(compiled))
    types = ", ".join(_type(compiled.binds[name].type) for name in numbers)
    return _Text(
        str(compiled),
        f"({types}) AS {body}" if types else f" AS {body}",
        list(numbers),
        {
            name: bind.value
            for name, bind in compiled.binds.items()
            if not bind.required
        },
    )


def _type(type_: sa.types.TypeEngine[typing.Any]) -> str:
    # As bigint, a number that is too large for a column compares as different instead
    # of failing. The server infers the other types.
    return "bigint" if isinstance(type_, sa.Integer) else "unknown"
