"""The OpenAPI documents: of a version of the API, and of the extensions."""

import typing

import flask
import orjson

from placement.api import microversion, openapi
from placement.api.microversion import MAX_VERSION
from placement.api.operation import Answer, Parameter
from placement.policies import extension as extension_policy
from placement.schemas import extension as schema
from placement.schemas import extension_responses as responses
from placement.web import view

if typing.TYPE_CHECKING:
    import collections.abc

    from placement.api.operation import Operation

blueprint = flask.Blueprint("openapi", __name__)

# Key in ``flask.Flask.extensions`` of the rows of all blueprints.
ROWS = "placement.operations"


@view.operation(
    blueprint,
    "GET /openapi.json",
    Answer(200, responses.DOCUMENT),
    rule=None,
    query=schema.OPENAPI_QUERY,
    parameters={
        "version": Parameter(
            "The microversion to describe, `1.N` or `latest`; by default the newest."
        )
    },
)
def show_document() -> flask.Response:
    """Show the document of the version that ``?version=`` names, or of the newest.

    Raises BadRequest and VersionNotAcceptable.
    """
    given = view.query().last("version")
    version = MAX_VERSION if given is None else microversion.parse(given)
    return view.json(openapi.render(version, _mount_point()))


@view.operation(
    blueprint,
    "GET /-/v1/openapi.json",
    Answer(200, responses.DOCUMENT),
    rule=extension_policy.READ,
)
def show_extensions_document() -> flask.Response:
    """Show the document of the extensions."""
    rows: collections.abc.Iterable[Operation] = flask.current_app.extensions[ROWS]
    return view.json(render_extensions(rows, _mount_point()))


def render_extensions(
    rows: "collections.abc.Iterable[Operation]", url: str = "/"
) -> bytes:
    """Return the document of the extensions, which are at ``url``."""
    document = openapi.extensions_document(rows, url)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _mount_point() -> str:
    return flask.request.root_path or "/"
