"""The declaration of an operation: one row, as a decorator of its handler."""

import collections.abc
import dataclasses
import enum
import inspect
import typing

from placement.api.microversion import MIN_VERSION, Version
from placement.api.request import Request
from placement.schemas.validation import Schemas

# Views of the extensions are in rows, too, and return what Flask takes.
Handler = collections.abc.Callable[..., typing.Any]
Target = collections.abc.Callable[[Request], dict[str, str | None]]


class Check(enum.Enum):
    """A condition that a request must meet before its handler is called."""

    VERSION = "V"
    ACCEPT = "A"
    CONTENT_TYPE = "C"
    POLICY = "P"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One success: its status, and the schemas of its body; None is no JSON.

    ``media_types`` are those of a body that is not JSON. ``until`` is the last version
    that answers so; None if the newest does.
    """

    status: int
    body: Schemas | None = None
    media_types: tuple[str, ...] = ()
    since: Version = MIN_VERSION
    until: Version | None = None
    has_location: bool = False
    has_cache_headers: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter of the query means, and a value that it may have.

    Only the extensions check ``is_repeatable``.
    """

    text: str
    example: str | None = None
    is_repeatable: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What an optional header of the request means, and its JSON schema."""

    text: str
    schema: collections.abc.Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    ``checks`` are made in this order, which is part of the behaviour: the first one
    that fails decides the answer. Versions before ``since`` do not have the operation
    and answer with ``too_old_status``. A body is read up to ``body_until``; None is
    the newest version. ``parameters`` are those of ``query``, by name, and ``headers``
    those that only this operation reads. ``refuses`` are the statuses of the handler's
    failures, without those of the checks. ``target`` returns the facts that the policy
    rule may compare with those of the caller.
    """

    method: str
    path: str
    handler: Handler
    rule: str | None
    checks: tuple[Check, ...]
    answers: tuple[Answer, ...]
    refuses: tuple[int, ...]
    since: Version
    too_old_status: int
    body: Schemas | None
    body_until: Version | None
    query: Schemas | None
    parameters: collections.abc.Mapping[str, Parameter]
    headers: collections.abc.Mapping[str, Header]
    target: Target | None

    @property
    def name(self) -> str:
        """Return method and path, such as ``GET /traits``."""
        return f"{self.method} {self.path}"

    @property
    def text(self) -> str:
        """Return what the handler's docstring says."""
        return inspect.getdoc(self.handler) or ""

    def answers_at(self, version: Version) -> tuple[Answer, ...]:
        return tuple(
            answer
            for answer in self.answers
            if version.matches(answer.since, answer.until)
        )

    def reads_body_at(self, version: Version) -> bool:
        return self.body is not None and (
            self.body_until is None or version <= self.body_until
        )


NO_CONTENT = Answer(204)


def shows(body: Schemas, **more: typing.Any) -> Answer:
    """Return the usual answer that has a body."""
    return Answer(200, body, has_cache_headers=True, **more)


def operation(  # noqa: PLR0913 - a row has them all
    name: str,
    *answers: Answer,
    rule: str | None,
    checks: str,
    refuses: tuple[int, ...] = (),
    since: Version | tuple[int, int] = MIN_VERSION,
    too_old_status: int = 404,
    body: Schemas | None = None,
    body_until: Version | tuple[int, int] | None = None,
    query: Schemas | None = None,
    parameters: collections.abc.Mapping[str, Parameter] | None = None,
    headers: collections.abc.Mapping[str, Header] | None = None,
    target: Target | None = None,
) -> collections.abc.Callable[[Handler], Operation]:
    """Make the decorated handler the operation ``name``, such as ``GET /traits``.

    ``checks`` has the letters of ``Check``; see ``Operation`` for the rest.
    """
    method, path = name.split()

    def declare(handler: Handler) -> Operation:
        return Operation(
            method=method,
            path=path,
            handler=handler,
            rule=rule,
            checks=tuple(Check(letter) for letter in checks),
            answers=answers,
            refuses=refuses,
            since=Version(*since),
            too_old_status=too_old_status,
            body=body,
            body_until=None if body_until is None else Version(*body_until),
            query=query,
            parameters=parameters or {},
            headers=headers or {},
            target=target,
        )

    return declare
