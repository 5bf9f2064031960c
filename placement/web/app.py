"""The WSGI object of the service: blueprints, and the versioned API beside them.

Operations below ``/-/`` are extensions: they ignore microversions, and their error
documents are those of the newest version, with codes of their own.
"""

import collections.abc
import re
import typing

import flask
import werkzeug.exceptions
from werkzeug import routing

from placement import exception
from placement.api.environ import VERSION
from placement.api.microversion import MAX_VERSION
from placement.web import openapi, providers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# A new blueprint is a module beside this one and a name here.
BLUEPRINTS: tuple[flask.Blueprint, ...] = (openapi.blueprint, providers.blueprint)

# The first path segment of the extensions.
_EXTENSIONS = "-"

# The codes of extensions' failures without a code of their own, by kind.
CODES: dict[type[exception.PlacementError], str] = {
    exception.BadRequest: "placement.ext.bad_request",
    exception.Forbidden: "placement.ext.forbidden",
    exception.NotFound: "placement.ext.not_found",
    exception.MethodNotAllowed: "placement.ext.method_not_allowed",
}

# Methods that Werkzeug adds to a rule for GET.
_ADDED = {"HEAD", "OPTIONS"}


class Operation(typing.NamedTuple):
    """One method of one path of a blueprint, and its policy rule."""

    method: str
    path: str
    rule: str | None

    @property
    def name(self) -> str:
        """Return method and path, such as ``GET /openapi.json``."""
        return f"{self.method} {self.path}"


class _UrlMap(routing.Map):
    """A map that does not redirect to a path without empty segments."""

    def __init__(self, **options: typing.Any) -> None:
        super().__init__(merge_slashes=False, **options)


class Application(flask.Flask):
    """The blueprints, and ``api`` for all other paths.

    Requests for ``api`` do not pass through Flask, which would take 100 microseconds.
    Exceptions of a view propagate to the middleware, which makes the error documents.
    """

    url_map_class: type[routing.Map] = _UrlMap

    def __init__(self, api: "WSGIApplication") -> None:
        super().__init__(__name__, static_folder=None)
        self._api = api
        self.config["PROPAGATE_EXCEPTIONS"] = True
        for blueprint in BLUEPRINTS:
            self.register_blueprint(blueprint)
        self.before_request(_prepare)
        self.register_error_handler(exception.PlacementError, _fail)
        self.register_error_handler(werkzeug.exceptions.HTTPException, _fail_routing)
        self.first_segments = frozenset(
            _first_segment(rule.rule) for rule in self.url_map.iter_rules()
        )

    def wsgi_app(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> collections.abc.Iterable[bytes]:
        """Answer a request from a blueprint, or from the versioned API."""
        if _first_segment(environ.get("PATH_INFO", "")) in self.first_segments:
            return super().wsgi_app(environ, start_response)
        return self._api(environ, start_response)

    def operations(self) -> list[Operation]:
        """Return the operations of all blueprints."""
        return [
            Operation(
                method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), view.rule
            )
            for rule in self.url_map.iter_rules()
            for view in [typing.cast(typing.Any, self.view_functions[rule.endpoint])]
            for method in sorted((rule.methods or set()) - _ADDED)
        ]


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]


def _is_extension() -> bool:
    return _first_segment(flask.request.path) == _EXTENSIONS


def _prepare() -> None:
    if _is_extension():
        flask.request.environ[VERSION] = MAX_VERSION
    rule = flask.request.url_rule
    # The API does not support HEAD either.
    if rule is not None and flask.request.method == "HEAD":
        raise werkzeug.exceptions.MethodNotAllowed(rule.methods)


def _fail(failure: exception.PlacementError) -> typing.NoReturn:
    """Raise ``failure``; if an extension has failed, with a code of the extensions."""
    if _is_extension() and failure.code == exception.PlacementError.code:
        kinds = (CODES[kind] for kind in type(failure).__mro__ if kind in CODES)
        failure.code = next(kinds, failure.code)
    raise failure


def _fail_routing(failure: werkzeug.exceptions.HTTPException) -> typing.NoReturn:
    """Raise the failure that the API raises for an unknown path or method."""
    if isinstance(failure, werkzeug.exceptions.MethodNotAllowed):
        allowed = sorted(set(failure.valid_methods or ()) - _ADDED)
        method = flask.request.method
        _fail(exception.MethodNotAllowed(method=method, allowed=", ".join(allowed)))
    if isinstance(failure, werkzeug.exceptions.NotFound):
        _fail(exception.PathNotFound())
    _fail(exception.BadRequest(reason=failure.description or failure.name))
