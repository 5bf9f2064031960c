"""A whole service inside the test process, on a database of its own."""

import contextlib
import functools
import pathlib
import socketserver
import sqlite3
import tempfile
import threading
import typing
import wsgiref.simple_server
from collections.abc import Iterator

from oslo_config import cfg

import placement.conf
from placement import deploy


def configuration(
    directory: pathlib.Path, *, is_migrated: bool = True
) -> cfg.ConfigOpts:
    """Return a configuration for a SQLite database; tokens name the caller.

    The database is ``placement.db`` in the directory. If it does not exist, it is
    created with the schema and the standard names, or, with ``is_migrated`` false, by
    the start of the service.
    """
    path = directory / "placement.db"
    conf = cfg.ConfigOpts()
    placement.conf.register_opts(conf)
    conf([], project="placement", default_config_files=[], default_config_dirs=[])
    conf.set_override("connection", f"sqlite:///{path}", group="placement_database")
    conf.set_override("sync_on_startup", not is_migrated, group="placement_database")
    conf.set_override("auth_strategy", "noauth2", group="api")
    if is_migrated and not path.exists():
        path.write_bytes(_migrated())
    return conf


@functools.cache
def _migrated() -> bytes:
    """Return the content of a new migrated database; to copy it is faster."""
    with tempfile.TemporaryDirectory(prefix="placement-template-") as made:
        directory = pathlib.Path(made)
        deploy.loadapp(configuration(directory, is_migrated=False))
        with contextlib.closing(sqlite3.connect(directory / "placement.db")) as conn:
            return conn.serialize()


def application(directory: pathlib.Path) -> typing.Any:
    """Return the WSGI application of a service with an empty database."""
    return deploy.loadapp(configuration(directory))


def without_extensions(app: typing.Any) -> typing.Any:
    """Return an application that answers as OpenStack Placement does below ``/-/``."""

    def answer(environ: typing.Any, start_response: typing.Any) -> typing.Any:
        if environ["PATH_INFO"].startswith("/-/"):
            start_response("404 Not Found", [("Content-Type", "application/json")])
            return [b'{"errors": [{"status": 404, "title": "Not Found"}]}']
        return app(environ, start_response)

    return answer


@contextlib.contextmanager
def serving(app: typing.Any) -> Iterator[str]:
    """Serve a WSGI application over HTTP; gives its URL."""
    server = wsgiref.simple_server.make_server(
        "127.0.0.1", 0, app, _Server, handler_class=_QuietHandler
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class _QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test says what it expects."""
