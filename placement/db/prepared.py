"""Statements that PostgreSQL has read and planned before they are run.

Reading and planning a statement of a claim takes PostgreSQL longer than running it. A
connection that runs one often has it prepared, and sends only the values from then on.
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

LOG = logging.getLogger(__name__)

# Preparing a statement takes more than it saves the first time.
_USES = 3

# A plan is made for tables of the size that they have then. One that reads a table
# from its beginning to its end must not be kept while the table grows.
SECONDS = 10.0

# Of one connection; the server keeps each in its memory.
KEPT_MAX = 100

_KEY = "placement_prepared"

# A statement of that name does not exist, or one does already: what is between us and
# the server gives the same connection to several clients.
_OF_SHARED_CONNECTIONS = ("26000", "42P05")
# A statement would return something else than when it was prepared; there was a
# migration.
_OF_CHANGED_TABLES = "0A000"

# What the driver takes for a value, and for a per cent sign.
_PLACE = re.compile(r"%\((\w+)\)s|%%")

Parameters = collections.abc.Mapping[str, typing.Any]
_Statement = tuple[sa.Executable, Parameters]


@dataclasses.dataclass(frozen=True, slots=True)
class _Text:
    """A statement as the driver takes it, and as the server prepares it.

    ``names`` are those of its parameters in the order of the server's places, and
    ``values`` what the statement says of them itself.
    """

    for_driver: str
    for_server: str
    names: list[str]
    values: Parameters


class _Switch:
    """Whether the connections of an engine prepare statements."""

    def __init__(self) -> None:
        self.is_on = True


class Prepared:
    """What one connection has prepared.

    Each name is given once, by this connection only: it means its statement or none.
    """

    def __init__(self, switch: _Switch) -> None:
        self._switch = switch
        self._prefix = f"placement_{secrets.token_hex(8)}"
        self._given = 0
        self._forget()

    def run(
        self,
        conn: sa.Connection,
        statements: collections.abc.Iterable[_Statement],
        first: collections.abc.Iterable[str] = (),
    ) -> sa.CursorResult[*tuple[typing.Any, ...]]:
        """Run the statements, sent together, and return what the last one does.

        They give all their values, and are the same objects each time. What is to be
        ``first`` comes before everything else, as it is.
        """
        texts = [*first, *self._renewing()]
        new: dict[sa.Executable, str] = {}
        running = []
        cursor = typing.cast(typing.Any, conn.connection.cursor())
        for statement, parameters in statements:
            text = _text(statement, conn.dialect)
            name = self._names.get(statement) or new.get(statement)
            if name is None and self._is_worth_it(statement):
                name = new[statement] = self._next_name()
                texts.append(f"PREPARE {name}{text.for_server}")
            running.append(_with_values(cursor, text, name, parameters))
        cursor.close()
        result = conn.exec_driver_sql(
            "; ".join(texts + running), execution_options={"no_parameters": True}
        )
        # Of what has failed nobody knows how far it came. What it may have prepared
        # is given up with the rest, when that is too old.
        self._names |= new
        return result

    def _forget(self) -> None:
        self._since = time.monotonic()
        self._names: dict[sa.Executable, str] = {}
        self._uses: collections.Counter[sa.Executable] = collections.Counter()

    def _renewing(self) -> list[str]:
        """Return what to run first, lest a plan gets too old or there be too many."""
        is_old = time.monotonic() - self._since > SECONDS
        if not is_old and len(self._uses) < KEPT_MAX:
            return []
        had_any = self._given > 0
        self._forget()
        return ["DEALLOCATE ALL"] if had_any else []

    def _is_worth_it(self, statement: sa.Executable) -> bool:
        self._uses[statement] += 1
        return self._switch.is_on and self._uses[statement] >= _USES

    def _next_name(self) -> str:
        self._given += 1
        return f"{self._prefix}_{self._given}"


def listen(engine: sa.Engine) -> None:
    """Let the connections of an engine to PostgreSQL prepare what they run often.

    Where connections are shared between clients, as some poolers do it, this ends with
    the first failure that shows it. What has failed so is a lost connection.
    """
    switch = _Switch()

    def opened(_connection: object, record: typing.Any) -> None:
        record.info[_KEY] = Prepared(switch)

    def failed(context: sa.engine.ExceptionContext) -> None:
        code = getattr(context.original_exception, "pgcode", None)
        if code in _OF_SHARED_CONNECTIONS:
            if switch.is_on:
                LOG.warning(
                    "Connections to the database are shared with other clients: no "
                    "statements are prepared from now on."
                )
            switch.is_on = False
        if code in _OF_SHARED_CONNECTIONS or code == _OF_CHANGED_TABLES:
            context.is_disconnect = True

    event.listen(engine, "connect", opened)
    event.listen(engine, "handle_error", failed)


def find(conn: sa.Connection) -> Prepared | None:
    """Return what the connection has prepared; None if it cannot prepare anything."""
    return conn.info.get(_KEY)


def _with_values(
    cursor: typing.Any, text: _Text, name: str | None, parameters: Parameters
) -> str:
    """Return how to run a statement, its values quoted by the driver."""
    values = {**text.values, **parameters}
    written: bytes
    if name is None:
        written = cursor.mogrify(text.for_driver, values)
    else:
        arguments = [values[each] for each in text.names]
        places = ", ".join(["%s"] * len(arguments))
        run = f"EXECUTE {name}({places})" if places else f"EXECUTE {name}"
        written = cursor.mogrify(run, arguments)
    # As all our connections to PostgreSQL are encoded.
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

    body = _PLACE.sub(numbered, str(compiled))
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
    # Numbers are compared as they are written: those that are too large for a column
    # are different from what is in it, and no failure. Of the rest the server knows
    # what it has to be.
    return "bigint" if isinstance(type_, sa.Integer) else "unknown"
