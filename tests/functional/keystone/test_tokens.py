"""Authentication and authorization with tokens of a real Keystone."""

import collections.abc
import logging
import socket
import time

import pytest
import webob
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from placement import client
from placement.client import SessionTransport
from tests import waiting
from tests.functional.keystone.cloud import (
    PREFIX,
    REQUEST_SECONDS,
    WHERE_TO_GET_A_TOKEN,
    Cloud,
    Place,
    ask,
)
from tests.servers import keystone, ports, server

UNAUTHORIZED = {
    "error": {
        "code": 401,
        "title": "Unauthorized",
        "message": "The request you have made requires authentication.",
    }
}
UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"


# Statuses by role in the project ``one``. In Keystone, admin and member imply reader.
OWN_USAGES = "GET /usages?project_id={project}"
OTHER_USAGES = "GET /usages?project_id={other_project}"
LIST = "GET /resource_providers"
# 400 if the policy allows it: the body is empty.
CREATE = "POST /resource_providers"
RESHAPE = "POST /reshaper"
ALLOWED = {
    "admin": {LIST: 200, CREATE: 400, RESHAPE: 403, OWN_USAGES: 200, OTHER_USAGES: 200},
    "service": {LIST: 200, CREATE: 400, RESHAPE: 400, OTHER_USAGES: 200},
    "reader": {
        LIST: 403,
        CREATE: 403,
        RESHAPE: 403,
        OWN_USAGES: 200,
        OTHER_USAGES: 403,
    },
    "member": {
        LIST: 403,
        CREATE: 403,
        RESHAPE: 403,
        OWN_USAGES: 200,
        OTHER_USAGES: 403,
    },
    "visitor": {LIST: 403, CREATE: 403, OWN_USAGES: 403, OTHER_USAGES: 403},
}


@pytest.mark.parametrize("caller", ALLOWED)
def test_the_roles_in_a_project_decide_what_is_allowed(
    place: Place, caller: str
) -> None:
    token = place.cloud.token(caller)

    answers = {
        request: place.send(*request.format(**place.cloud._asdict()).split(), token)
        for request in ALLOWED[caller]
    }

    statuses = {request: answer.status_code for request, answer in answers.items()}
    assert statuses == ALLOWED[caller]
    for answer in answers.values():
        if answer.status_code == 403:
            (error,) = answer.json()["errors"]
            assert "Policy does not allow placement:" in error["detail"]
            assert error["code"] == "placement.undefined_code"


def test_identity_headers_of_a_client_are_ignored(place: Place) -> None:
    claimed = {
        "X_Identity_Status": "Confirmed",
        "X_User_Id": "admin",
        "X_Roles": "admin,service",
        "X_Project_Id": place.cloud.other_project,
    }

    assert place.send("GET", "/traits", **claimed).status_code == 401
    reader = place.cloud.token("reader")
    assert place.send("GET", "/traits", reader, **claimed).status_code == 403
    method, path = OTHER_USAGES.format(**place.cloud._asdict()).split()
    assert place.send(method, path, reader, **claimed).status_code == 403


def revoked(cloud: Cloud) -> str:
    token = cloud.token("admin")
    cloud.keystone.revoke(token)
    return token


@pytest.mark.parametrize(
    "make_token",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "no-token",
        lambda cloud: cloud.keystone.expired_token,
        revoked,
    ],
    ids=["missing", "empty", "bad", "expired", "revoked"],
)
def test_a_request_without_a_valid_token_is_401(
    place: Place, make_token: collections.abc.Callable[[Cloud], str | None]
) -> None:
    token = make_token(place.cloud)

    for path in ("/traits", "/nowhere", "//"):
        answer = place.send("GET", path, token)

        assert answer.status_code == 401
        assert answer.json() == UNAUTHORIZED
        assert answer.headers["Content-Type"].startswith("application/json")
        challenge = answer.headers["WWW-Authenticate"]
        assert challenge == f'Keystone uri="{WHERE_TO_GET_A_TOKEN}"'
        assert answer.headers["X-Openstack-Request-Id"].startswith("req-")
        assert "OpenStack-API-Version" not in answer.headers


def test_a_revoked_token_is_refused_immediately_without_a_cache(
    cloud: Cloud, configured: collections.abc.Callable[..., server.Application]
) -> None:
    application = configured(token_cache_time=-1)
    token = cloud.token("admin")
    assert ask(application, token).status_int == 200

    cloud.keystone.revoke(token)

    assert ask(application, token).status_int == 401


def test_a_revoked_token_is_refused_after_the_cache_time(
    cloud: Cloud, configured: collections.abc.Callable[..., server.Application]
) -> None:
    """Validated tokens are cached in memory for ``token_cache_time`` seconds."""
    application = configured(token_cache_time=1)
    token = cloud.token("admin")
    assert ask(application, token).status_int == 200

    cloud.keystone.revoke(token)

    waiting.until(lambda: ask(application, token).status_int != 200)
    assert ask(application, token).status_int == 401


def test_cached_tokens_are_not_validated_again(
    cloud: Cloud,
    configured: collections.abc.Callable[..., server.Application],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "keystoneauth.session")
    application = configured()
    token = cloud.token("admin")
    assert ask(application, token).status_int == 200
    asked = len(caplog.records)

    assert ask(application, token).status_int == 200

    assert asked > 0
    assert len(caplog.records) == asked


def test_an_application_credential_has_the_roles_of_its_user(place: Place) -> None:
    cloud = place.cloud
    identity = cloud.keystone.create_application_credential(
        cloud.callers["admin"], cloud.project
    )
    token = cloud.keystone.token(identity)

    assert place.send("GET", "/resource_providers", token).status_code == 200


def test_a_restricted_application_credential_has_only_its_roles(place: Place) -> None:
    cloud = place.cloud
    identity = cloud.keystone.create_application_credential(
        cloud.callers["admin"], cloud.project, roles=["reader"]
    )
    token = cloud.keystone.token(identity)

    assert place.send("GET", "/resource_providers", token).status_code == 403
    for request, status in ((OWN_USAGES, 200), (OTHER_USAGES, 403)):
        method, path = request.format(**cloud._asdict()).split()
        assert place.send(method, path, token).status_code == status


def test_access_rules_restrict_an_application_credential(
    place: Place,
) -> None:
    cloud = place.cloud
    rule = {"service": "placement", "method": "GET", "path": f"{PREFIX}/traits"}
    identity = cloud.keystone.create_application_credential(
        cloud.callers["admin"], cloud.project, access_rules=[rule]
    )
    token = cloud.keystone.token(identity)

    assert place.send("GET", "/traits", token).status_code == 200
    for method, path in (("GET", "/resource_providers"), ("PUT", "/traits/CUSTOM_A")):
        answer = place.send(method, path, token)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("target", "scope"),
    [
        ("", {"system": {"all": True}}),
        (f"domains/{keystone.DOMAIN}", {"domain": {"id": keystone.DOMAIN}}),
    ],
    ids=["system", "domain"],
)
def test_tokens_with_system_or_domain_scope_are_forbidden(
    place: Place, target: str, scope: keystone.Document
) -> None:
    cloud = place.cloud
    admin = cloud.callers["admin"]
    cloud.keystone.grant(admin, "admin", target)
    token = cloud.keystone.token(admin.identity, scope)

    for request in (LIST, CREATE, RESHAPE, OWN_USAGES):
        method, path = request.format(**cloud._asdict()).split()
        answer = place.send(method, path, token)
        assert answer.status_code == 403
        assert "placement:" in answer.json()["errors"][0]["detail"]


def test_an_unscoped_token_has_no_roles(place: Place) -> None:
    cloud = place.cloud
    identity = cloud.callers["admin"].identity
    token = cloud.keystone.token(identity, {"unscoped": {}})

    assert place.send("GET", "/resource_providers", token).status_code == 403


@pytest.mark.parametrize("token", [None, "no-token"])
@pytest.mark.parametrize("path", ["", "/"])
def test_the_version_document_needs_no_token(
    place: Place, path: str, token: str | None
) -> None:
    answer = place.send("GET", path, token, X_Identity_Status="Confirmed")

    assert answer.status_code == 200
    assert answer.json()["versions"][0]["id"] == "v1.0"


def admin_session(
    cloud: Cloud, password: str | None = None
) -> keystone_session.Session:
    """Return a session of the administrator, by default with the right password."""
    admin = cloud.callers["admin"]
    auth = v3.Password(
        f"{cloud.keystone.url}/v3",
        user_id=admin.id,
        password=password or admin.password,
        project_id=cloud.project,
    )
    return keystone_session.Session(auth=auth)


def test_a_session_finds_the_service_in_the_catalog(place: Place) -> None:
    cloud = place.cloud
    session = admin_session(cloud)
    found = client.Client(SessionTransport(session))

    made = found.create_provider("host", UUID)

    assert found.get_provider(made.uuid).name == "host"
    assert found.get_versions()["versions"][0]["min_version"] == "1.0"
    with pytest.raises(client.NotFound):
        found.get_inventory(made.uuid, "VCPU")
    answer = place.send("GET", f"/resource_providers/{UUID}", cloud.token("admin"))
    hrefs = {link["href"] for link in answer.json()["links"]}
    assert f"{PREFIX}/resource_providers/{UUID}" in hrefs
    assert all(href.startswith(f"{PREFIX}/resource_providers/") for href in hrefs)
    found.delete_provider(made.uuid)


def test_a_session_with_a_wrong_password_is_unauthorized(place: Place) -> None:
    cloud = place.cloud
    session = admin_session(cloud, "wrong")
    found = client.Client(SessionTransport(session))

    with pytest.raises(client.Unauthorized):
        found.get_providers()


@pytest.mark.parametrize("endpoint", ["elsewhere", "here"])
def test_a_session_without_a_reachable_endpoint_is_unreachable(
    place: Place, endpoint: str
) -> None:
    cloud = place.cloud
    session = admin_session(cloud)
    if endpoint == "elsewhere":
        transport = SessionTransport(session, {"region_name": "nowhere"})
    else:
        unreachable = f"http://{ports.HOST}:{ports.free_port()}"
        transport = SessionTransport(session, endpoint_override=unreachable)

    with pytest.raises(client.Unreachable):
        client.Client(transport).get_providers()


def assert_unavailable(answer: webob.Response) -> None:
    assert answer.status_int == 503
    assert answer.content_type == "application/json"
    document = answer.json
    assert set(document) == {"message", "code", "title"}
    assert document["code"] == "503 Service Unavailable"
    assert document["title"] == "Service Unavailable"
    assert document["message"]
    assert answer.headers["X-Openstack-Request-Id"].startswith("req-")


def test_an_unreachable_keystone_makes_the_service_unavailable(
    configured: collections.abc.Callable[..., server.Application],
) -> None:
    unreachable = f"http://{ports.HOST}:{ports.free_port()}"
    application = configured(auth_url=unreachable)
    started = time.monotonic()

    assert_unavailable(ask(application, "any"))

    assert time.monotonic() - started < REQUEST_SECONDS
    # Requests that need no validation are not affected.
    assert ask(application).status_int == 401
    assert ask(application, path="/").status_int == 200
    assert ask(application, "any", path="/").status_int == 200


def test_a_keystone_that_does_not_answer_makes_the_service_unavailable(
    configured: collections.abc.Callable[..., server.Application],
) -> None:
    with socket.create_server((ports.HOST, 0)) as silent:
        url = f"http://{ports.HOST}:{silent.getsockname()[1]}"
        application = configured(auth_url=url, http_request_max_retries=0)
        started = time.monotonic()

        assert_unavailable(ask(application, "any"))

        assert time.monotonic() - started < REQUEST_SECONDS


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"project_name": "nowhere"},
        {"interface": "admin"},
        {"region_name": "nowhere"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_invalid_credentials_of_the_service_make_it_unavailable(
    cloud: Cloud,
    configured: collections.abc.Callable[..., server.Application],
    wrong: dict[str, str],
) -> None:
    assert_unavailable(ask(configured(**wrong), cloud.token("admin")))


def test_a_configured_service_starts_without_a_warning(
    configured: collections.abc.Callable[..., server.Application],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configured()

    records = [record for record in caplog.records if record.levelno > logging.INFO]
    assert [record.getMessage() for record in records] == []
