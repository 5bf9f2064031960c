"""One line in the log for every request."""

import logging
import typing
import urllib.parse

from placement.api.environ import VERSION
from placement.middleware import Headers, changing_headers

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

LOG = logging.getLogger("placement.requestlog")

_FORMAT = (
    '%(remote_addr)s "%(method)s %(uri)s" status: %(status)s len: %(length)s '
    "microversion: %(version)s"
)


def wrap(app: "WSGIApplication", _service: "Service") -> "WSGIApplication":
    """Log each request when its response starts.

    Operators' tools parse this format. The id of the request and the caller are in the
    oslo.log context.
    """

    def logged(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> typing.Any:
        if not LOG.isEnabledFor(logging.INFO):
            return app(environ, start_response)
        uri = _uri(environ)

        def log(status: str, headers: Headers) -> Headers:
            LOG.info(
                _FORMAT,
                {
                    "remote_addr": environ.get("REMOTE_ADDR", "-"),
                    "method": environ["REQUEST_METHOD"],
                    "uri": uri,
                    "status": status.partition(" ")[0],
                    "length": _length(headers),
                    "version": environ.get(VERSION, "-"),
                },
            )
            return headers

        return app(environ, changing_headers(start_response, log))

    return logged


def _uri(environ: "WSGIEnvironment") -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    uri = urllib.parse.quote(path.encode("latin-1"))
    query = environ.get("QUERY_STRING")
    return f"{uri}?{query}" if query else uri


def _length(headers: Headers) -> str:
    lengths = (value for key, value in headers if key.lower() == "content-length")
    return next(lengths, "-")
