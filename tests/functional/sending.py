"""Send a request to an application in this process, as an administrator."""

import json
import typing

import webob

from tests.servers import server


def send(
    application: server.Application,
    method: str,
    path: str,
    body: object = None,
    version: str = "latest",
    headers: dict[str, str] | None = None,
    environ: dict[str, typing.Any] | None = None,
) -> webob.Response:
    """Send ``body`` as JSON, or no body if it is None; return the response.

    ``headers`` and ``environ`` are further ones.
    """
    request = webob.Request.blank(path, method=method, environ=environ)
    request.headers.update(
        {
            "x-auth-token": "admin",
            "x-roles": "admin,service",
            "accept": "application/json",
            "openstack-api-version": f"placement {version}",
            **(headers or {}),
        }
    )
    if body is not None:
        request.content_type = "application/json"
        request.body = json.dumps(body).encode()
    return request.get_response(application)
