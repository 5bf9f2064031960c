"""The extensions: operations below ``/-/v1/``, beside the versioned API.

They ignore microversions. Errors are the documents of the newest version.
"""

import collections.abc
import functools
import typing

import orjson
import werkzeug.exceptions
from werkzeug import routing

from placement import exception
from placement.api.environ import CONTEXT, VERSION
from placement.api.microversion import MAX_VERSION
from placement.api.querystring import Query
from placement.api.reply import JSON
from placement.policies import extension as extension_policy
from placement.web import providers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import RequestContext, Service

# The first segment of every path here, and of no path of the API.
_PREFIX = "/-/"

_View = collections.abc.Callable[["RequestContext", Query], typing.Any]


class Operation(typing.NamedTuple):
    """One method of one path. ``view`` returns what becomes the JSON body."""

    method: str
    path: str
    rule: str
    view: _View


OPERATIONS = (
    Operation(
        "GET", "/-/v1/providers", extension_policy.READ, providers.list_providers
    ),
)

# The code of a failure that has none of its own, by its kind.
CODES: dict[type[exception.PlacementError], str] = {
    exception.BadRequest: "placement.ext.bad_request",
    exception.Forbidden: "placement.ext.forbidden",
    exception.NotFound: "placement.ext.not_found",
    exception.MethodNotAllowed: "placement.ext.method_not_allowed",
}


def wrap(app: "WSGIApplication", service: "Service") -> "WSGIApplication":
    """Answer the paths of the extensions; pass all others to ``app``."""
    # Without methods a rule takes all of them: which are served is known here.
    rules = [routing.Rule(path, endpoint=path) for path in _by_path()]
    adapter = routing.Map(rules, merge_slashes=False).bind("placement")

    def answer(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        if not environ.get("PATH_INFO", "").startswith(_PREFIX):
            return app(environ, start_response)
        environ[VERSION] = MAX_VERSION
        try:
            operation = _find(adapter, environ)
            context = environ[CONTEXT]
            service.enforcer.authorize(context.caller, operation.rule)
            query = Query.parse(environ.get("QUERY_STRING", "").encode("latin-1"))
            body = orjson.dumps(operation.view(context, query))
        except exception.PlacementError as failure:
            kinds = (CODES[kind] for kind in type(failure).__mro__ if kind in CODES)
            if failure.code == exception.PlacementError.code:
                failure.code = next(kinds, failure.code)
            raise
        headers = [("content-type", JSON), ("content-length", str(len(body)))]
        start_response("200 OK", headers)
        return [body]

    return answer


@functools.cache
def _by_path() -> dict[str, dict[str, Operation]]:
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return paths


def _find(adapter: routing.MapAdapter, environ: "WSGIEnvironment") -> Operation:
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    try:
        endpoint, _ = adapter.match(path)
    except werkzeug.exceptions.NotFound:
        raise exception.PathNotFound() from None
    operations = _by_path()[typing.cast(str, endpoint)]
    method = environ["REQUEST_METHOD"]
    if method not in operations:
        raise exception.MethodNotAllowed(method=method, allowed=", ".join(operations))
    return operations[method]
