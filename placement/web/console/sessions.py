"""``POST /-/v1/console/sessions``: from a one-time link to a token of the console."""

import pathlib
import typing

import flask

from placement import exception, extension_exception
from placement.api.operation import Answer
from placement.conf import secret
from placement.middleware import console_session
from placement.middleware.console_session import Sessions
from placement.schemas import console as schema
from placement.web import times, view

if typing.TYPE_CHECKING:
    from placement.context import Service

blueprint = flask.Blueprint("console_sessions", __name__)

_MICROSECONDS = 1_000_000


def prepare(service: "Service") -> None:
    """Let one-time links start sessions, if the configuration allows it.

    Raises ConfigurationError.
    """
    settings = service.settings
    directory = settings.console.link_directory
    if not settings.console.enabled or directory is None:
        return
    if settings.api.auth_strategy != "token":
        return
    token = secret.read(
        settings.api.token_file, "[api] token_file", "auth_strategy is token"
    )
    try:
        console_session.prepare(pathlib.Path(directory))
    except OSError as unusable:
        raise exception.ConfigurationError(
            reason=f"[console] link_directory cannot be used: {unusable}"
        ) from unusable
    service.kept[console_session.KEY] = Sessions(token, pathlib.Path(directory))


@view.operation(
    blueprint,
    "POST /-/v1/console/sessions",
    Answer(200, schema.SESSION),
    rule=None,
    is_open=True,
    refuses=(403, 404),
    body=schema.SESSION_BODY,
)
def start_session() -> flask.Response:
    """Exchange the code of a one-time link for a token.

    The token is that of an administrator for 12 hours, and is accepted from the machine
    of the server only. A code can be used once, for 5 minutes.

    Raises NotOnThisMachine, SchemaInvalid, and LinkNotFound, also for a server without
    links.
    """
    if not console_session.is_local(flask.request.environ):
        raise extension_exception.NotOnThisMachine()
    code = view.json_body()["code"]
    sessions: Sessions | None = view.context().service.kept.get(console_session.KEY)
    found = None if sessions is None else sessions.start(code)
    if found is None:
        raise extension_exception.LinkNotFound()
    token, expires_at = found
    answer = view.json(
        {"token": token, "expires_at": times.render(expires_at * _MICROSECONDS)}
    )
    answer.cache_control.no_store = True
    return answer
