import dataclasses
import json
import logging
import pathlib
import sys
import types

import pytest
from oslo_context import context as log_context

from placement import deploy, exception
from placement.api.environ import CONTEXT
from placement.conf import find
from placement.middleware import auth, request_id
from tests.unit.middleware.applications import Recorder, api, ask, service

ANONYMOUS = (None, None, (), None, None)


def facts(context):
    return dataclasses.astuple(context.caller)


def caller_of(application, below, path="/traits", **headers):
    """Return the facts about the caller, or the response if it is an error."""
    answer = ask(application, path, **headers)
    if answer.status_int != 200:
        return answer
    return facts(below.environ[CONTEXT])


@pytest.fixture
def below():
    return Recorder()


@pytest.fixture
def noauth2(below):
    return auth.wrap(below, service(api=api("noauth2")), None)


# User, project, roles, system scope, domain.
CALLERS = {
    "admin": ({}, ("admin", "admin", ("admin",), None, None)),
    "user": ({}, ("user", "user", (), None, None)),
    "": ({}, ("", "", (), None, None)),
    "user:p1": ({}, ("user", "p1", (), None, None)),
    "admin:x:y": ({}, ("admin", "x:y", ("admin",), None, None)),
}
PLAYED = [
    ({"X_Roles": "reader"}, ("user", "p1", ("reader",), None, None)),
    ({"X_Roles": " Reader , ADMIN,"}, ("user", "p1", ("reader", "admin"), None, None)),
    ({"X_Role": "reader"}, ("user", "p1", ("reader",), None, None)),
    ({"X_Roles": "", "X_Role": "reader"}, ("user", "p1", (), None, None)),
    ({"X_User_Id": "other"}, ("user", "p1", (), None, None)),
    ({"X_Project_Id": "p2"}, ("user", "p2", (), None, None)),
    ({"X_Domain_Id": "d"}, ("user", "p1", (), None, "d")),
    ({"OpenStack_System_Scope": "all"}, ("user", None, (), "all", None)),
    (
        {"OpenStack_System_Scope": "all", "X_Domain_Id": "d", "X_Project_Id": "p2"},
        ("user", None, (), "all", None),
    ),
]


@pytest.mark.parametrize("token", CALLERS)
def test_noauth2_reads_user_and_project_from_the_token(noauth2, below, token):
    headers, caller = CALLERS[token]

    assert caller_of(noauth2, below, X_Auth_Token=token, **headers) == caller


@pytest.mark.parametrize(("headers", "caller"), PLAYED)
def test_noauth2_reads_roles_and_scopes_from_headers(noauth2, below, headers, caller):
    assert caller_of(noauth2, below, X_Auth_Token="user:p1", **headers) == caller


def test_noauth2_cuts_ids_that_are_too_long_to_be_stored(noauth2, below):
    found = caller_of(noauth2, below, X_Auth_Token=f"{'u' * 300}:{'p' * 300}")

    assert found[:2] == ("u" * 255, "p" * 255)


def test_an_empty_roles_header_takes_the_role_admin_away(noauth2, below):
    found = caller_of(noauth2, below, X_Auth_Token="admin", X_Roles="")

    assert found == ("admin", "admin", (), None, None)


def test_a_request_without_a_token_is_401(noauth2, below):
    answer = caller_of(noauth2, below, X_Roles="admin")

    assert answer.status_int == 401
    assert below.environ is None
    document = json.loads(answer.body)
    assert (document["code"], document["title"]) == (
        "401 Unauthorized",
        "Unauthorized",
    )
    assert document["message"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("*/*;q=0.1", "application/json"),
        ("text/html, application/json", "application/json"),
        ("text/html, application/json;q=0.9", "text/html; charset=UTF-8"),
        ("text/plain, application/json;q=0.1", "application/json"),
        ("image/png", "text/plain; charset=UTF-8"),
    ],
)
def test_a_401_has_the_media_type_that_accept_prefers(
    noauth2, below, accept, content_type
):
    answer = caller_of(noauth2, below, Accept=accept)

    assert answer.headers["Content-Type"] == content_type
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert b"X-Auth-Token" in answer.body


@pytest.mark.parametrize("path", ["/", ""])
def test_the_version_document_needs_no_token(noauth2, below, path):
    ask(noauth2, "/", environ={"PATH_INFO": path, "SCRIPT_NAME": "/placement"})

    assert facts(below.environ[CONTEXT]) == ANONYMOUS


@pytest.mark.parametrize("path", ["//", "/traits", "/ "])
def test_every_other_path_needs_a_token(noauth2, below, path):
    assert ask(noauth2, environ={"PATH_INFO": path}).status_int == 401


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "admin-token"
    path.write_text("secret\n")
    return path


def test_the_configured_token_has_the_roles_admin_and_service(below, token_file):
    application = auth.wrap(below, service(api=api("token", str(token_file))), None)

    found = caller_of(application, below, X_Auth_Token="secret")

    assert found == ("admin", "admin", ("admin", "service"), None, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Auth_Token": ""},
        {"X_Auth_Token": "secre"},
        {"X_Auth_Token": "secret2"},
        {"X_Auth_Token": "secr\xe9t"},
        {"X_Roles": "admin", "X_User_Id": "admin"},
    ],
)
def test_any_other_token_is_401(below, token_file, headers):
    application = auth.wrap(below, service(api=api("token", str(token_file))), None)

    assert caller_of(application, below, **headers).status_int == 401
    assert below.environ is None


@pytest.mark.parametrize("content", [None, "", " \n", "\xe9"])
def test_an_unusable_token_file_is_an_error_at_start(below, token_file, content):
    if content is None:
        token_file.unlink()
    else:
        token_file.write_text(content)

    with pytest.raises(exception.ConfigurationError, match="token_file"):
        auth.wrap(below, service(api=api("token", str(token_file))), None)


def test_the_token_file_must_be_configured(below):
    with pytest.raises(exception.ConfigurationError, match="token_file"):
        auth.wrap(below, service(api=api("token")), None)


KEYSTONE = """
[placement_database]
connection = sqlite:///{directory}/placement.db
sync_on_startup = true
[keystone_authtoken]
www_authenticate_uri = http://keystone.example.com
auth_url = http://127.0.0.1:1
auth_type = password
username = placement
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


@pytest.fixture
def keystone(tmp_path: pathlib.Path):
    pytest.importorskip("keystonemiddleware")
    (tmp_path / "placement.conf").write_text(KEYSTONE.format(directory=tmp_path))
    return deploy.loadapp(find.service_config({find.DIRECTORY_VARIABLE: str(tmp_path)}))


def test_a_401_with_keystone_has_www_authenticate(keystone):
    answer = ask(keystone, "/traits")

    assert answer.status_int == 401
    assert answer.headers.getall("WWW-Authenticate") == [
        'Keystone uri="http://keystone.example.com"'
    ]
    assert json.loads(answer.body) == {
        "error": {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }
    }


def test_keystone_ignores_identity_headers_of_the_client(keystone):
    answer = ask(
        keystone,
        "/traits",
        X_User_Id="admin",
        X_Roles="admin",
        X_Identity_Status="Confirmed",
    )

    assert answer.status_int == 401


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        (
            {"X_User_Id": "u", "X_Project_Id": "p", "X_Roles": "Admin,reader"},
            ("u", "p", ("admin", "reader"), None, None),
        ),
        (
            {"X_User_Id": "u", "OpenStack_System_Scope": "all"},
            ("u", None, (), "all", None),
        ),
        ({"X_User_Id": "u", "X_Domain_Id": "d"}, ("u", None, (), None, "d")),
    ],
)
def test_verified_identity_headers_become_the_caller(keystone, headers, caller):
    """The test sets the headers that keystonemiddleware sets, and bypasses it."""
    below = Recorder()
    identified = auth._identifying(below, None, auth._by_keystone, auth._refuse)

    assert (
        caller_of(identified, below, X_Identity_Status="Confirmed", **headers) == caller
    )
    refused = caller_of(identified, below, X_Identity_Status="Invalid", **headers)
    assert refused.status_int == 401


def test_the_version_document_does_not_use_keystone(keystone):
    assert ask(keystone, "/").status_int == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/healthcheck"])
def test_health_does_not_use_keystone(keystone, path):
    assert ask(keystone, path).status_int == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/healthcheck"])
def test_health_needs_no_generated_token(below, tmp_path, path):
    (tmp_path / "token").write_text("secret")
    settings = service(api=api("token", str(tmp_path / "token")))
    application = auth.wrap(below, settings, None, open_paths={path})

    assert caller_of(application, below, path) == ANONYMOUS
    assert ask(application, f"{path}/").status_int == 401
    assert ask(application, "/traits").status_int == 401


def configured_keystone(directory, *lines):
    pytest.importorskip("keystonemiddleware")
    text = KEYSTONE.format(directory=directory) + "\n".join(lines)
    (directory / "placement.conf").write_text(text)
    config = find.service_config({find.DIRECTORY_VARIABLE: str(directory)})
    return deploy.loadapp(config)


def keystone_options():
    return pytest.importorskip("keystonemiddleware.auth_token").list_opts()


@pytest.mark.parametrize(
    ("more", "module", "distribution"),
    [
        ((), "memcache", "python-memcached"),
        (
            ("memcache_sasl_enabled = true",),
            "bmemcached",
            "python-binary-memcached",
        ),
        (("memcache_tls_enabled = true",), "bmemcached", "python-binary-memcached"),
    ],
)
def test_a_missing_library_for_memcached_is_an_error_at_start(
    tmp_path, monkeypatch, more, module, distribution
):
    known = {option.name for _, options in keystone_options() for option in options}
    if not known.issuperset(option.partition(" ")[0] for option in more):
        pytest.skip("keystonemiddleware does not have this option yet")
    for name in ("memcache", "bmemcached"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(exception.ConfigurationError) as refused:
        configured_keystone(tmp_path, "memcached_servers = 127.0.0.1:1", *more)

    assert "memcached_servers" in str(refused.value)
    assert f"pip install {distribution}" in str(refused.value)


def test_invalid_keystone_options_are_an_error_at_start(tmp_path):
    with pytest.raises(exception.ConfigurationError, match="memcache_secret_key"):
        configured_keystone(tmp_path, "memcache_security_strategy = ENCRYPT")


@pytest.mark.unexpected_failure
def test_a_failure_in_authentication_gets_an_error_document(
    keystone, monkeypatch, caplog
):
    from keystonemiddleware import auth_token  # noqa: PLC0415 - may be missing

    def fail(*_args):
        raise OSError("no certificates in /nowhere")

    monkeypatch.setattr(auth_token.AuthProtocol, "process_request", fail)
    caplog.set_level(logging.INFO)

    answer = ask(keystone, "/traits", X_Auth_Token="a", Accept="application/json")

    (error,) = json.loads(answer.body)["errors"]
    assert (answer.status_int, error["status"]) == (500, 500)
    assert error["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert "nowhere" not in answer.text
    # The version is not known yet.
    assert "OpenStack-API-Version" not in answer.headers
    (failure,) = [record for record in caplog.records if record.exc_info]
    assert "no certificates" in str(failure.exc_info[1])
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "placement.requestlog"
    ]
    assert len(lines) == 1
    assert '"GET /traits" status: 500' in lines[0]


def test_a_token_is_verified_while_memcached_is_down(tmp_path):
    """The extra ``keystone`` has the library for ``memcached_servers``."""
    application = configured_keystone(
        tmp_path, "memcached_servers = 127.0.0.1:1", "http_request_max_retries = 0"
    )

    assert ask(application, "/traits", X_Auth_Token="some").status_int == 503


def test_the_log_context_has_the_caller(below):
    """With Keystone, it also has the names, which common log formats use."""
    logged = []

    def show(environ, start_response):
        logged.append(log_context.get_current())
        return below(environ, start_response)

    by_name = request_id.wrap(auth.wrap(show, service(api=api("noauth2")), None), None)
    by_keystone = request_id.wrap(
        auth._identifying(show, None, auth._by_keystone, auth._refuse), None
    )

    ask(by_name, "/traits", X_Auth_Token="u:p", OpenStack_System_Scope="all")
    ask(
        by_keystone,
        "/traits",
        X_Identity_Status="Confirmed",
        X_User_Id="u",
        X_User_Name="Ann",
        X_Project_Id="p",
        X_Project_Name="one",
        X_Roles="admin",
    )

    first, second = (context.get_logging_values() for context in logged)
    assert (first["user"], first["project"], first["system_scope"]) == (
        "u",
        None,
        "all",
    )
    assert (second["user"], second["user_name"]) == ("u", "Ann")
    assert (second["project"], second["project_name"]) == ("p", "one")
    assert second["roles"] == ["admin"]
    assert second["auth_token"] is None
