"""What the views of all blueprints have in common."""

import collections.abc
import functools
import typing

import flask
import orjson

from placement.api.environ import CONTEXT
from placement.api.querystring import Query
from placement.api.reply import JSON
from placement.context import RequestContext

View = collections.abc.Callable[..., flask.Response]


class Guarded(typing.Protocol):
    """A view with a policy check; ``rule`` is None if any token is enough."""

    rule: str | None
    provide_automatic_options: bool

    def __call__(self, **variables: str) -> flask.Response: ...


def guarded(rule: str | None) -> collections.abc.Callable[[View], Guarded]:
    """Check the policy before the decorated view.

    The view then raises PolicyNotAuthorized.
    """

    def guard(view: View) -> Guarded:
        @functools.wraps(view)
        def checked(**variables: str) -> flask.Response:
            if rule is not None:
                asked = context()
                asked.service.enforcer.authorize(asked.caller, rule)
            return view(**variables)

        found = typing.cast(Guarded, checked)
        found.rule = rule
        # Keeps Flask from answering OPTIONS.
        found.provide_automatic_options = False
        return found

    return guard


def context() -> RequestContext:
    """Return the context of the current request."""
    found: RequestContext = flask.request.environ[CONTEXT]
    return found


def query() -> Query:
    """Return the query string of the request. Raises QueryInvalid."""
    return Query.parse(flask.request.query_string)


def json(body: typing.Any) -> flask.Response:
    """Return a JSON response; bytes are already encoded."""
    encoded = body if isinstance(body, bytes) else orjson.dumps(body)
    return flask.Response(encoded, mimetype=JSON)
