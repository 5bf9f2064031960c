"""Spans of marked functions and of database statements.

They have names, numbers of attempts and kinds of failures, never values: no parameters
of statements, and no texts of failures. Only what a request causes gets a span.
"""

import collections.abc
import functools
import re
import sys
import threading
import typing

import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.util.types import AttributeValue
from sqlalchemy import event

from placement import exception
from placement.db import tables, transaction
from placement.tracing import points

_Function = collections.abc.Callable[..., typing.Any]

_SYSTEMS = {"postgresql": "postgresql", "mariadb": "mariadb", "mysql": "mysql"}
_OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WITH|SET)\b")
_WORD = re.compile(r"\w+")
_TABLES = frozenset(tables.metadata.tables)
# A summary names at most this many tables or statements.
_NAMES_MAX = 6

# Key of the span in the execution context of a statement.
_SPAN = "placement_span"


class Spans:
    """The spans of one tracer, from ``turn_on`` to ``turn_off``."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._replaced: list[tuple[typing.Any, str, _Function]] = []
        # The summary of the batch that this thread sends.
        self._batch = threading.local()

    def turn_on(self) -> None:
        for point in points.POINTS:
            owner, name = _place(point)
            function = getattr(owner, name)
            self._replaced.append((owner, name, function))
            setattr(owner, name, self._wrapped(point, function))
        event.listen(sa.Engine, "before_cursor_execute", self._begin)
        event.listen(sa.Engine, "after_cursor_execute", self._end)
        event.listen(sa.Engine, "handle_error", self._fail)

    def turn_off(self) -> None:
        event.remove(sa.Engine, "before_cursor_execute", self._begin)
        event.remove(sa.Engine, "after_cursor_execute", self._end)
        event.remove(sa.Engine, "handle_error", self._fail)
        for owner, name, function in reversed(self._replaced):
            setattr(owner, name, function)
        self._replaced.clear()

    def _wrapped(self, point: points.Point, function: _Function) -> _Function:
        if point.span == points.TRANSACTION:
            wrapped = self._transaction(function)
        elif point.span == points.BATCH:
            wrapped = self._summarizing(function)
        else:
            wrapped = self._plain(point.span, function)
        return functools.wraps(function)(wrapped)

    def _plain(self, name: str, function: _Function) -> _Function:
        def call(*args: typing.Any, **named: typing.Any) -> typing.Any:
            if not _is_traced():
                return function(*args, **named)
            return self._in_span(name, {}, lambda _: function(*args, **named))

        return call

    def _transaction(self, function: _Function) -> _Function:
        def call(operation: str, turn: _Function, attempts: int) -> typing.Any:
            if not _is_traced():
                return function(operation, turn, attempts)

            def run(span: trace.Span) -> typing.Any:
                count = 0

                def attempt() -> typing.Any:
                    nonlocal count
                    count += 1
                    span.set_attribute("placement.attempts", count)
                    number = {"placement.attempt": count}
                    return self._in_span("attempt", number, lambda _: turn())

                return function(operation, attempt, attempts)

            return self._in_span(f"transaction {operation}", {}, run)

        return call

    def _in_span(
        self,
        name: str,
        attributes: collections.abc.Mapping[str, AttributeValue],
        function: _Function,
    ) -> typing.Any:
        with self._tracer.start_as_current_span(
            name,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return function(span)
            except Exception as failure:
                span.set_attribute("error.type", _kind(failure))
                # A refusal is an answer.
                if not isinstance(
                    failure, exception.PlacementError | transaction.Retry
                ):
                    span.set_status(trace.StatusCode.ERROR)
                raise

    def _summarizing(self, function: _Function) -> _Function:
        """The text of a batch has values, and names instead of statements."""

        def call(
            prepared: object,
            conn: sa.Connection,
            statements: collections.abc.Iterable[typing.Any],
            *more: typing.Any,
            **named: typing.Any,
        ) -> typing.Any:
            listed = list(statements)
            if _is_traced():
                self._batch.summary = batch_summary([one for one, _ in listed])
            return function(prepared, conn, listed, *more, **named)

        return call

    def _begin(
        self,
        conn: sa.Connection,
        _cursor: object,
        statement: str,
        _parameters: object,
        context: typing.Any,
        _executemany: bool,
    ) -> None:
        batch = self._batch.__dict__.pop("summary", None)
        if not _is_traced():
            return
        name = batch or summary(statement)
        span = self._tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT,
            attributes={**_database(conn.engine), "db.query.summary": name},
        )
        setattr(context, _SPAN, span)

    def _end(
        self,
        _conn: sa.Connection,
        _cursor: object,
        _statement: str,
        _parameters: object,
        context: typing.Any,
        _executemany: bool,
    ) -> None:
        span = context.__dict__.pop(_SPAN, None)
        if span is not None:
            span.end()

    def _fail(self, failure: sa.engine.ExceptionContext) -> None:
        context: typing.Any = failure.execution_context
        span = None if context is None else context.__dict__.pop(_SPAN, None)
        if span is not None:
            span.set_attribute("error.type", _kind(failure.original_exception))
            code = getattr(failure.original_exception, "pgcode", None)
            if code:
                span.set_attribute("db.response.status_code", code)
            span.set_status(trace.StatusCode.ERROR)
            span.end()


@functools.lru_cache(512)
def summary(statement: str) -> str:
    """Return the operation of a statement and the tables that it names."""
    found = _OPERATION.search(statement)
    names = (word for word in _WORD.findall(statement) if word in _TABLES)
    first = list(dict.fromkeys(names))[:_NAMES_MAX]
    # Without a match, the first word, such as BEGIN.
    operation = found[0] if found else statement.split(None, 1)[0]
    return " ".join([operation, *first])


def batch_summary(statements: list[typing.Any]) -> str:
    """Return the summaries of statements that are sent together."""
    each = list(map(_summary_of, statements))
    more = ["..."] if len(each) > _NAMES_MAX else []
    return "; ".join([*each[:_NAMES_MAX], *more])


@functools.lru_cache(512)
def _summary_of(statement: typing.Any) -> str:
    return summary(str(statement))


@functools.lru_cache(16)
def _database(engine: sa.Engine) -> dict[str, AttributeValue]:
    url = engine.url
    found: dict[str, AttributeValue] = {
        "db.system.name": _SYSTEMS.get(engine.dialect.name, engine.dialect.name)
    }
    if url.host:
        found["server.address"] = url.host
        found["db.namespace"] = url.database or ""
    if url.port:
        found["server.port"] = url.port
    return found


def _is_traced() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _kind(failure: BaseException) -> str:
    return f"{type(failure).__module__}.{type(failure).__qualname__}"


def _place(point: points.Point) -> tuple[typing.Any, str]:
    """Return the module or class that has a marked function, and its name there."""
    owner: typing.Any = sys.modules[point.module]
    *outer, name = point.qualified_name.split(".")
    for each in outer:
        owner = getattr(owner, each)
    return owner, name
