"""``GET /openapi.json``: the OpenAPI document of a version of the API."""

import flask

from placement import exception, excerpt
from placement.api import microversion, openapi
from placement.api.microversion import MAX_VERSION, Version
from placement.api.querystring import Query
from placement.web import view

_PARAMETER = "version"

blueprint = flask.Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
@view.guarded(rule=None)
def show_document() -> flask.Response:
    """Show the document of the version that ``?version=`` names, or of the newest.

    Raises QueryInvalid for another parameter, BadRequest and VersionNotAcceptable.
    """
    version = _version(view.query())
    return view.json(openapi.render(version, flask.request.root_path or "/"))


def _version(query: Query) -> Version:
    for name, _ in query:
        if name != _PARAMETER:
            raise exception.QueryInvalid(
                reason=f"'{excerpt.of_text(name)}' is not a parameter; "
                f"there is '{_PARAMETER}'"
            )
    given = query.last(_PARAMETER)
    return MAX_VERSION if given is None else microversion.parse(given)
