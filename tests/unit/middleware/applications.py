"""Applications below the middleware under test."""

import types

import webob

from placement.conf import settings


class Recorder:
    """An application that records its environ and gives a fixed response."""

    def __init__(self, status="200 OK", headers=(), body=b"{}", failure=None):
        self.environ = None
        self._answer = status, list(headers), body
        self._failure = failure

    def __call__(self, environ, start_response):
        self.environ = dict(environ)
        if self._failure is not None:
            raise self._failure
        status, headers, body = self._answer
        start_response(status, headers)
        return [body]


def service(**groups):
    """Return a service that has only these groups of settings."""
    return types.SimpleNamespace(settings=types.SimpleNamespace(**groups), kept={})


def api(strategy, token_file=None):
    return settings.ApiSettings(auth_strategy=strategy, token_file=token_file)


def ask(application, path="/", method="GET", environ=None, body=None, **headers):
    """Send a request; ``_`` in the name of a header becomes a dash."""
    request = webob.Request.blank(path, method=method, environ=environ)
    if body is not None:
        request.body = body
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    return request.get_response(application)
