"""``/console/``: the web pages, which show what the other operations answer.

Scripts and styles are below a path with a digest of all of them, so that browsers can
keep them forever, and never use those of two releases together.
"""

import collections.abc
import hashlib
import importlib.resources
import typing

import flask

from placement import exception
from placement.api.environ import ROUTE
from placement.web import view

if typing.TYPE_CHECKING:
    from placement.conf.settings import Settings

blueprint = flask.Blueprint("console", __name__)

_ROOT = "/console"
_INDEX = "index.html"
# The directory of the files, in the package and in the links of the page.
_STATIC = "static"

_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No text can become markup or code.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
}


class _File(typing.NamedTuple):
    body: bytes
    media_type: str
    etag: str


def _read() -> tuple[str, dict[str, _File]]:
    """Return the digest of all files, and the files by name."""
    directory = importlib.resources.files(__package__) / _STATIC
    bodies = {each.name: each.read_bytes() for each in directory.iterdir()}
    digest = hashlib.sha256()
    for name in sorted(bodies):
        digest.update(f"{name}\n{len(bodies[name])}\n".encode() + bodies[name])
    version = digest.hexdigest()[:16]
    links = f'"{_STATIC}/'.encode(), f'"{version}/'.encode()
    bodies[_INDEX] = bodies[_INDEX].replace(*links)
    return version, {
        name: _File(
            body,
            _MEDIA_TYPES[name[name.rindex(".") :]],
            hashlib.sha256(body).hexdigest(),
        )
        for name, body in bodies.items()
    }


_VERSION, _FILES = _read()


def is_page(path: str, settings: "Settings") -> bool:
    """Whether the path is one of the console, which needs no token."""
    return settings.console.enabled and f"{path}/".startswith(f"{_ROOT}/")


def _page(rule: str) -> collections.abc.Callable[[view.View], view.View]:
    return blueprint.route(
        rule, methods=["GET", "HEAD"], provide_automatic_options=False
    )


@_page(_ROOT)
def redirect() -> flask.Response:
    """Redirect to the page, relative to the path that the browser knows."""
    _prepare()
    response = flask.Response(status=308, headers=_HEADERS)
    response.headers["Location"] = f"{_ROOT[1:]}/"
    # Werkzeug would make it absolute, with a host that a proxy may have changed.
    response.autocorrect_location_header = False
    return response


@_page(f"{_ROOT}/")
def show_index() -> flask.Response:
    """Show the page; a browser asks each time whether it has changed."""
    _prepare()
    response = _response(_FILES[_INDEX])
    response.cache_control.no_cache = True
    return response


@_page(f"{_ROOT}/<version>/<name>")
def show_file(version: str, name: str) -> flask.Response:
    """Show a script or style, which never changes below its path."""
    _prepare()
    if version != _VERSION or name not in _FILES or name == _INDEX:
        raise exception.PathNotFound()
    response = _response(_FILES[name])
    response.cache_control.public = True
    response.cache_control.max_age = 365 * 24 * 3600
    response.cache_control.immutable = True
    return response


def _prepare() -> None:
    """Name the route for the metrics. Raises PathNotFound if the console is off."""
    flask.request.environ[ROUTE] = f"{_ROOT}/"
    if not view.context().settings.console.enabled:
        raise exception.PathNotFound()


def _response(file: _File) -> flask.Response:
    response = flask.Response(file.body, mimetype=file.media_type, headers=_HEADERS)
    view.tag(response, file.etag)
    return response
