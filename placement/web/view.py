"""What the views of all blueprints have in common: their declaration and its checks."""

import collections.abc
import functools
import re
import typing

import flask

from placement import exception, excerpt
from placement.api import body as api_body
from placement.api import encoding, request
from placement.api import operation as api_operation
from placement.api.environ import CONTEXT, ROUTE
from placement.api.microversion import MAX_VERSION
from placement.api.operation import Answer, Check, Header, Operation, Parameter
from placement.api.querystring import Query
from placement.api.reply import JSON
from placement.context import RequestContext
from placement.schemas import checks
from placement.schemas.validation import Schemas

# The media type of one JSON document per line.
NDJSON = "application/x-ndjson"

View = collections.abc.Callable[..., flask.Response]

# Set by ``operation`` on the function that Flask calls.
_ROW = "operation"

# The integers that a query can have; longer ones are refused as text.
_INTEGER = re.compile(r"-?[0-9]{1,100}")

# Methods whose bodies have no meaning, and are not read.
_SAFE = ("GET", "HEAD")

# A variable of a path, in the notation of Flask.
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def operation(  # noqa: PLR0913 - a row has them all
    blueprint: flask.Blueprint,
    name: str,
    *answers: Answer,
    rule: str | None,
    is_open: bool = False,
    authorized: collections.abc.Callable[[], None] | None = None,
    has_head: bool = False,
    refuses: tuple[int, ...] = (),
    query: Schemas | None = None,
    parameters: collections.abc.Mapping[str, Parameter] | None = None,
    headers: collections.abc.Mapping[str, Header] | None = None,
    body: Schemas | None = None,
) -> collections.abc.Callable[[View], View]:
    """Make the decorated view the operation ``name`` of the blueprint.

    ``name`` is a method and a path in the notation of Flask, such as
    ``GET /-/v1/things/<uuid>``. Before the view is called, its policy ``rule`` and the
    query are checked; see ``query`` and ``json_body`` for what the view reads. Without
    a rule, any token is enough; an operation that ``is_open`` needs none. The function
    ``authorized`` is called in place of the check of the rule. ``has_head`` lets the
    view answer HEAD, too, without a body. See ``api.operation.Operation`` for the rest.
    """
    method, path = name.split()

    def declare(view: View) -> View:
        row = api_operation.operation(
            _VARIABLE.sub(r"{\1}", name),
            *answers,
            rule=rule,
            checks="" if is_open else Check.POLICY.value,
            refuses=(*refuses, *_refused_by(body)),
            query=query,
            parameters=parameters,
            headers=headers,
            body=body,
        )(view)

        @functools.wraps(view)
        def checked(**variables: str) -> flask.Response:
            flask.request.environ[ROUTE] = row.path
            if authorized is not None:
                authorized()
            elif rule is not None:
                authorize(rule)
            _check(row)
            return view(**{name: _storable(text) for name, text in variables.items()})

        setattr(checked, _ROW, row)
        blueprint.add_url_rule(
            path,
            view.__name__,
            checked,
            methods=[method, "HEAD"] if has_head else [method],
            # OPTIONS is answered by the middleware only.
            provide_automatic_options=False,
        )
        return checked

    return declare


def _storable(text: str) -> str:
    # No database stores NUL, and some drivers fail on it in a query.
    return text.replace("\0", "\ufffd")


def _refused_by(body: Schemas | None) -> tuple[int, ...]:
    """Return the statuses that ``json_body`` adds to those of any operation."""
    return () if body is None else (415,)


def find_row(view: collections.abc.Callable[..., typing.Any]) -> Operation | None:
    """Return the row of a function that Flask calls; None if it is no operation."""
    row: Operation | None = getattr(view, _ROW, None)
    return row


def authorize(rule: str) -> None:
    """Check that ``rule`` allows the caller of the request.

    Raises PolicyNotAuthorized and PolicyScopeNotAuthorized.
    """
    asked = context()
    asked.service.enforcer.authorize(asked.caller, rule)


def context() -> RequestContext:
    """Return the context of the current request."""
    found: RequestContext = flask.request.environ[CONTEXT]
    return found


def query() -> Query:
    """Return the query of the request.

    It has only declared parameters, repeated only where that is declared, and the last
    value of each conforms to the schema.
    """
    found: Query = flask.g.query
    return found


def json_body() -> typing.Any:
    """Return the body of the request, which conforms to the declared schema.

    Raises UnsupportedMediaType, BadRequest for a body that is not JSON, SchemaInvalid
    and BodyTooLarge.
    """
    environ = flask.request.environ
    api_body.check_headers(environ)
    given = environ.get("CONTENT_TYPE") or None
    if flask.request.mimetype != JSON:
        raise exception.UnsupportedMediaType(given=given, wanted=JSON)
    return request.parse_json(api_body.read(environ), flask.g.body_schemas, MAX_VERSION)


def json(body: typing.Any, status: int = 200) -> flask.Response:
    """Return a JSON response; bytes are already encoded."""
    encoded = body if isinstance(body, bytes) else encoding.encode(body)
    return flask.Response(encoded, status, mimetype=JSON)


def tag(response: flask.Response, etag: str) -> None:
    """Set the ETag; make the response to a read 304 if ``If-None-Match`` has it.

    ``If-Match`` is ignored, as by the versioned API. With it, Werkzeug would answer
    412 without an error document.
    """
    response.set_etag(etag)
    environ = flask.request.environ.copy()
    environ.pop("HTTP_IF_MATCH", None)
    # Does nothing for POST.
    response.make_conditional(environ)


def no_content() -> flask.Response:
    """Return a response without a body."""
    response = flask.Response(status=204)
    response.headers.remove("Content-Type")
    return response


def _check(row: Operation) -> None:
    """Keep the query for ``query`` and the schemas of the body for ``json_body``.

    Raises what ``_checked_query`` and ``_require_no_body`` raise.
    """
    flask.g.query = _checked_query(row)
    flask.g.body_schemas = row.body
    if row.body is None and row.method not in _SAFE:
        _require_no_body()


def _require_no_body() -> None:
    """Refuse members of a body that the operation would ignore.

    An empty object is no body: some clients always send one.

    Raises BadRequest and BodyTooLarge.
    """
    environ = flask.request.environ
    api_body.check_headers(environ)
    given = api_body.read(environ).strip()
    if given not in (b"", b"{}"):
        raise exception.BadRequest(
            reason="The operation takes no body. Got: "
            f"{excerpt.of_text(given.decode(errors='replace'))}"
        )


def _checked_query(row: Operation) -> Query:
    """Return the query if it conforms to the declaration.

    Raises QueryInvalid for a parameter that is unknown, repeated or invalid, or if the
    query string is not UTF-8.
    """
    found = Query.parse(flask.request.query_string)
    schema = _query_schema(row)
    known = schema.get("properties", {})
    patterns = [checks.pattern(each) for each in schema.get("patternProperties", ())]
    seen = set()
    for name, _ in found:
        if name not in known and not any(each.search(name) for each in patterns):
            raise exception.QueryInvalid(reason=_unknown(name, known))
        parameter = row.parameters.get(name)
        if name in seen and parameter is not None and not parameter.is_repeatable:
            raise exception.QueryInvalid(
                reason=f"the parameter '{name}' may be given only once"
            )
        seen.add(name)
    if row.query is not None:
        values = {
            name: _typed(value, known.get(name, {}))
            for name, value in found.last_values().items()
        }
        row.query.validate_query(values, MAX_VERSION)
    return found


def _typed(value: str, schema: typing.Any) -> str | int:
    """Return an integer if the schema wants one and the value is one."""
    is_integer = schema.get("type") == "integer" and _INTEGER.fullmatch(value)
    return int(value) if is_integer else value


def _query_schema(row: Operation) -> collections.abc.Mapping[str, typing.Any]:
    if row.query is None:
        return {}
    schema = row.query.pick(MAX_VERSION).schema
    # True and False are schemas too; none of ours is one.
    assert isinstance(schema, collections.abc.Mapping)
    return schema


def _unknown(name: str, known: collections.abc.Iterable[str]) -> str:
    names = ", ".join(f"'{each}'" for each in known)
    allowed = f"the parameters are {names}" if names else "there are none"
    return f"'{excerpt.of_text(name)}' is not a parameter; {allowed}"
