"""A Keystone with users and projects, and the service that it protects."""

import typing

import requests
import webob

from tests.servers import configuration, keystone, server

PREFIX = "/placement"
WHERE_TO_GET_A_TOKEN = "http://keystone.example.com"
REQUEST_SECONDS = 60


class Cloud(typing.NamedTuple):
    """A Keystone with its projects and users."""

    keystone: keystone.Keystone
    # The user that the service validates tokens as.
    placement: keystone.User
    service_project: str
    project: str
    other_project: str
    callers: dict[str, keystone.User]

    def token(self, caller: str) -> str:
        scope = keystone.project(self.project)
        return self.keystone.token(self.callers[caller].identity, scope)


class Place(typing.NamedTuple):
    """The service, mounted below a prefix."""

    url: str
    cloud: Cloud

    def send(
        self,
        method: str,
        path: str,
        token: str | None = None,
        **headers: str,
    ) -> requests.Response:
        given = {
            "Accept": "application/json",
            "OpenStack-API-Version": "placement latest",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if token is not None:
            given["X-Auth-Token"] = token
        return requests.request(
            method,
            self.url + path,
            headers=given,
            json={} if method in ("POST", "PUT") else None,
            timeout=REQUEST_SECONDS,
        )


def options(cloud: Cloud, **more: object) -> configuration.Options:
    """Return a configuration as in installation guides of OpenStack services.

    ``more`` has options of ``[keystone_authtoken]``.
    """
    return {
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": {
            "www_authenticate_uri": WHERE_TO_GET_A_TOKEN,
            "auth_url": cloud.keystone.url,
            "auth_type": "password",
            "username": cloud.placement.name,
            "password": cloud.placement.password,
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            **more,
        },
    }


def ask(
    application: server.Application, token: str | None = None, path: str = "/traits"
) -> webob.Response:
    """Send a request to a service in this process."""
    headers = {"Accept": "application/json", "OpenStack-API-Version": "placement 1.39"}
    if token is not None:
        headers["X-Auth-Token"] = token
    return webob.Request.blank(path, headers=headers).get_response(application)
