"""Explain every search that finds nothing, while other requests go on."""

import json
import typing

import webob

from placement import metrics
from tests.servers import server

PATH = "/allocation_candidates"


class Explaining:
    """An application that explains each search whose answer is empty."""

    def __init__(self, application: server.Application) -> None:
        self._application = application
        # By query and version.
        self._explained: dict[tuple[str, str], dict[str, typing.Any]] = {}

    def __call__(self, environ: dict[str, typing.Any], start: typing.Any) -> typing.Any:
        if environ["PATH_INFO"] != PATH:
            return self._application(environ, start)
        response = webob.Request(environ).get_response(self._application)
        if response.status_int == 200 and not response.json["allocation_requests"]:
            version = response.headers["openstack-api-version"].split()[1]
            self._explain(environ["QUERY_STRING"], version)
        return response(environ, start)

    def _explain(self, query: str, version: str) -> None:
        request = webob.Request.blank("/-/v1/explain", method="POST")
        request.headers = {
            "x-auth-token": "admin",
            "x-roles": "admin",
            "content-type": "application/json",
        }
        request.body = json.dumps({"query": query, "version": version}).encode()
        response = request.get_response(self._application)
        assert response.status_int == 200, response.text
        self._explained[query, version] = response.json

    def require_causes(self) -> None:
        """Assert that every empty answer has one complete explanation."""
        for asked, found in self._explained.items():
            assert found["cause"] in metrics.CAUSES, asked
            assert found["complete"], asked
            assert found["fits"] == 0, asked
            assert found["summary"], asked
