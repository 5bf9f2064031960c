"""The WSGI object of the service: blueprints, and the versioned API beside them.

Operations of blueprints are extensions: they ignore microversions, and their error
documents are those of the newest version, with codes of their own. The OpenAPI document
of the API is no extension.
"""

import collections.abc
import dataclasses
import typing

import flask
import werkzeug.exceptions
from werkzeug import routing

from placement import exception
from placement.api.environ import VERSION
from placement.api.microversion import MAX_VERSION
from placement.api.reply import JSON
from placement.web import (
    capacity,
    changes,
    claims,
    consumer_audit,
    consumers,
    explain,
    health,
    holds,
    limits,
    metrics,
    openapi,
    provider_delta,
    provider_metrics,
    provider_state,
    providers,
    releases,
    trees,
    view,
    whatif,
)
from placement.web.console import pages, sessions

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.api.operation import Operation
    from placement.conf.settings import Settings

# A new blueprint is a module beside this one and a name here.
BLUEPRINTS: tuple[flask.Blueprint, ...] = (
    capacity.blueprint,
    claims.blueprint,
    changes.blueprint,
    consumer_audit.blueprint,
    consumers.blueprint,
    explain.blueprint,
    health.blueprint,
    holds.blueprint,
    limits.blueprint,
    metrics.blueprint,
    openapi.blueprint,
    provider_delta.blueprint,
    provider_metrics.blueprint,
    provider_state.blueprint,
    providers.blueprint,
    releases.blueprint,
    whatif.blueprint,
    trees.blueprint,
    pages.blueprint,
    sessions.blueprint,
)

# The first path segment of what is not an extension.
_OF_THE_API = "openapi.json"

_OWN_CODE = "placement.ext."

# The codes of extensions' failures without a code of their own, by kind.
CODES: dict[type[exception.PlacementError], str] = {
    exception.BadRequest: f"{_OWN_CODE}bad_request",
    exception.Unauthorized: f"{_OWN_CODE}unauthorized",
    exception.Forbidden: f"{_OWN_CODE}forbidden",
    exception.NotFound: f"{_OWN_CODE}not_found",
    exception.MethodNotAllowed: f"{_OWN_CODE}method_not_allowed",
    exception.NotAcceptable: f"{_OWN_CODE}not_acceptable",
    exception.Conflict: f"{_OWN_CODE}conflict",
    exception.ConcurrentUpdate: f"{_OWN_CODE}concurrent_update",
    exception.DuplicateName: f"{_OWN_CODE}duplicate_name",
    exception.InventoryInUse: f"{_OWN_CODE}inventory.inuse",
    exception.ResourceProviderInUse: f"{_OWN_CODE}resource_provider.inuse",
    exception.BodyTooLarge: f"{_OWN_CODE}body_too_large",
    exception.UnsupportedMediaType: f"{_OWN_CODE}unsupported_media_type",
    exception.Unprocessable: f"{_OWN_CODE}unprocessable",
    exception.Unavailable: f"{_OWN_CODE}unavailable",
}


class _Rule(routing.Rule):
    """A rule that serves HEAD only if that is one of the given methods."""

    def __init__(self, *args: typing.Any, **options: typing.Any) -> None:
        super().__init__(*args, **options)
        self.methods = set(options["methods"])

    def _compile_builder(
        self, append_unknown: bool = True
    ) -> collections.abc.Callable[..., tuple[str, str]]:
        """Compile a function that builds URLs only when it is called.

        Nothing here builds URLs, and compiling takes a third of the start.
        """
        compile_builder = super()._compile_builder

        def build(rule: routing.Rule, **values: typing.Any) -> tuple[str, str]:
            return compile_builder(append_unknown)(rule, **values)

        return build


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
    url_rule_class: type[routing.Rule] = _Rule

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
        self.extensions[openapi.ROWS] = self.operations()

    def wsgi_app(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> collections.abc.Iterable[bytes]:
        """Answer a request from a blueprint, or from the versioned API."""
        if _first_segment(environ.get("PATH_INFO", "")) in self.first_segments:
            return super().wsgi_app(environ, start_response)
        return self._api(environ, start_response)

    def handle_exception(self, e: Exception) -> flask.Response:
        """Raise what a view has raised.

        Only unexpected exceptions are sent to subscribers of Flask's signal, such as
        error trackers: refused requests are no failures of the service.
        """
        if isinstance(e, exception.PlacementError):
            raise e
        return super().handle_exception(e)

    def operations(self) -> "list[Operation]":
        """Return the operations of all blueprints, without the pages of the console."""
        rules = self.url_map.iter_rules()
        views = (self.view_functions[rule.endpoint] for rule in rules)
        return [row for row in map(view.find_row, views) if row is not None]

    def open_paths(self, settings: "Settings") -> "OpenPaths":
        """Return the paths that need no token, or another one."""
        unguarded = (each.path for each in self.operations() if not each.checks)
        exact = metrics.open_paths(settings).union(unguarded)
        return OpenPaths(exact, settings)


@dataclasses.dataclass(frozen=True, slots=True)
class OpenPaths:
    """The paths ``exact``, and all paths of the console, also those not found."""

    exact: frozenset[str]
    settings: "Settings"

    def __contains__(self, path: object) -> bool:
        return path in self.exact or pages.is_page(str(path), self.settings)


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]


def _is_extension() -> bool:
    return _first_segment(flask.request.path) != _OF_THE_API


def _prepare() -> None:
    if _is_extension():
        environ = flask.request.environ
        environ[VERSION] = MAX_VERSION
        # Clients that read lines of JSON get error documents in JSON, too.
        wanted = environ.get("HTTP_ACCEPT", "")
        if view.NDJSON in wanted:
            environ["HTTP_ACCEPT"] = f"{wanted}, {JSON};q=0.001"


def _fail(failure: exception.PlacementError) -> typing.NoReturn:
    """Raise ``failure``; if an extension has failed, with a code of the extensions."""
    if _is_extension() and not failure.code.startswith(_OWN_CODE):
        kinds = (CODES[kind] for kind in type(failure).__mro__ if kind in CODES)
        failure.code = next(kinds, failure.code)
    raise failure


def _fail_routing(failure: werkzeug.exceptions.HTTPException) -> typing.NoReturn:
    """Raise the failure that the API raises for an unknown path or method."""
    if isinstance(failure, werkzeug.exceptions.MethodNotAllowed):
        allowed = ", ".join(sorted(failure.valid_methods or ()))
        method = flask.request.method
        _fail(exception.MethodNotAllowed(method=method, allowed=allowed))
    if isinstance(failure, werkzeug.exceptions.NotFound):
        _fail(exception.PathNotFound())
    _fail(exception.BadRequest(reason=failure.description or failure.name))
