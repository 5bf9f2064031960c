"""The pages of the console: headers, paths, and who can start a session."""

import json
import os
import re
import stat
import time

import pytest

from placement import exception, extension_exception
from placement.middleware import console_session
from placement.web.console import pages
from tests.unit import in_process
from tests.unit.middleware.applications import ask

LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8778"}
START = "/-/v1/console/sessions"


@pytest.fixture
def links(tmp_path):
    return tmp_path / "links"


@pytest.fixture
def configuration(tmp_path, links):
    """A service with an administrator token and one-time links."""
    (tmp_path / "token").write_text("secret\n")
    conf = in_process.configuration(tmp_path)
    conf.set_override("auth_strategy", "token", "api")
    conf.set_override("token_file", str(tmp_path / "token"), "api")
    conf.set_override("link_directory", str(links), "console")
    return conf


@pytest.fixture
def application(configuration):
    return in_process.deploy.loadapp(configuration)


def start(application, code, **more):
    """Exchange a code for a token."""
    return ask(
        application,
        START,
        method="POST",
        body=json.dumps({"code": code}).encode(),
        environ={**LOCAL, "CONTENT_TYPE": "application/json", **more},
        Accept="application/json",
    )


def read(application, token, **more):
    """Return the status of a request with a token."""
    environ = {**LOCAL, "HTTP_X_AUTH_TOKEN": token, **more}
    return ask(application, "/-/v1/providers", environ=environ).status_int


def test_pages_need_no_token_and_have_strict_headers(application):
    page = ask(application, "/console/")

    assert page.status_int == 200
    assert page.content_type == "text/html"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-cache"
    again = ask(application, "/console/", If_None_Match=page.headers["ETag"])
    assert again.status_int == 304
    assert ask(application, "/console/", If_Match='"other"').status_int == 200


def test_the_page_links_every_module_below_the_digest_of_all_files(application):
    page = ask(application, "/console/").text
    linked = set(re.findall(r'(?:src|href)="([0-9a-f]{16}/[^"]+)"', page))

    assert {each.partition("/")[2] for each in linked} == pages._FILES.keys() - {
        "index.html"
    }
    for path in linked:
        found = ask(application, f"/console/{path}")
        assert found.status_int == 200
        assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/console/nothing",
        "/console/static/app.js",
        f"/console/{pages._VERSION}/nothing.js",
        f"/console/{pages._VERSION}/index.html",
        "/console/../placement.conf",
        f"/console/{pages._VERSION}/../sessions.py",
    ],
)
def test_other_paths_of_the_console_are_not_found_also_without_a_token(
    application, path
):
    assert ask(application, "/", environ={"PATH_INFO": path}).status_int == 404


def test_a_path_that_only_begins_with_the_same_letters_needs_a_token(application):
    assert ask(application, "/consoles").status_int == 401


def test_the_path_without_a_slash_redirects_relative_to_the_mount_point(application):
    found = ask(application, "/console", environ={"SCRIPT_NAME": "/cloud"})

    assert (found.status_int, found.headers["Location"]) == (308, "console/")


def test_only_get_and_head_are_allowed(application):
    assert ask(application, "/console/", method="HEAD").status_int == 200
    assert ask(application, "/console/", method="POST").status_int == 405


def test_the_console_can_be_turned_off(configuration, links):
    configuration.set_override("enabled", False, "console")
    application = in_process.deploy.loadapp(configuration)

    assert ask(application, "/console/").status_int == 401
    for path in ("/console", "/console/", f"/console/{pages._VERSION}/app.js"):
        assert ask(application, path, X_Auth_Token="secret").status_int == 404
    assert not links.exists()


def test_a_link_starts_one_session(application, links):
    code = console_session.write_link(links)

    answer = start(application, code)
    token = answer.json["token"]

    assert answer.status_int == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert read(application, token) == 200
    again = start(application, code)
    assert again.status_int == 404
    assert again.json["errors"][0]["code"] == extension_exception.LinkNotFound.code
    assert not list(links.iterdir())


def test_a_link_expires(application, links):
    code = console_session.write_link(links)
    old = time.time() - console_session.LINK_SECONDS
    os.utime(links / console_session.link_name(code), (old, old))

    assert start(application, code).status_int == 404


@pytest.mark.parametrize("code", ["unknown", "../token", "x" * 100])
def test_an_unknown_code_is_not_found(application, code):
    assert start(application, code).status_int == 404


ELSEWHERE = [
    {"REMOTE_ADDR": "192.0.2.1"},
    {"REMOTE_ADDR": ""},
    # A name that was made to resolve to this machine.
    {"HTTP_HOST": "evil.example.com:8778"},
    {"HTTP_HOST": "127.0.0.1.evil.example.com"},
    {"HTTP_HOST": ""},
    {"HTTP_ORIGIN": "http://evil.example.com"},
    {"HTTP_ORIGIN": "null"},
    {"HTTP_ORIGIN": "http://127.0.0.1:9999"},
    {"HTTP_SEC_FETCH_SITE": "cross-site"},
    {"HTTP_X_FORWARDED_FOR": "192.0.2.1"},
]


@pytest.mark.parametrize("more", ELSEWHERE)
def test_links_and_sessions_work_on_this_machine_and_site_only(
    application, links, more
):
    code = console_session.write_link(links)

    assert start(application, code, **more).status_int == 403
    token = start(application, code).json["token"]
    assert read(application, token, **more) == 401
    assert read(application, token) == 200


@pytest.mark.parametrize(
    "more",
    [
        {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8778"},
        {"REMOTE_ADDR": "::ffff:127.0.0.1", "HTTP_HOST": "localhost"},
        {"HTTP_ORIGIN": "http://127.0.0.1:8778", "HTTP_SEC_FETCH_SITE": "same-origin"},
    ],
)
def test_the_names_of_this_machine_are_accepted(application, links, more):
    token = start(application, console_session.write_link(links), **more).json["token"]

    assert read(application, token, **more) == 200


def test_a_session_expires_and_cannot_be_forged(application, links, monkeypatch):
    token = start(application, console_session.write_link(links)).json["token"]
    prefix, expires_at, nonce, signature = token.split(".")

    later = f"{prefix}.{int(expires_at) + 1}.{nonce}.{signature}"
    assert read(application, later) == 401
    assert read(application, token[:-1]) == 401
    assert read(application, token) == 200
    monkeypatch.setattr(time, "time", lambda: int(expires_at))
    assert read(application, token) == 401


def test_another_administrator_token_ends_all_sessions(configuration, links, tmp_path):
    first = in_process.deploy.loadapp(configuration)
    token = start(first, console_session.write_link(links)).json["token"]
    (tmp_path / "token").write_text("other\n")

    second = in_process.deploy.loadapp(configuration)

    assert read(first, token) == 200
    assert read(second, token) == 401


def test_links_need_a_directory_of_the_owner_only(configuration, links):
    links.mkdir(mode=0o755)
    links.chmod(0o755)

    with pytest.raises(exception.ConfigurationError, match="by its owner only"):
        in_process.deploy.loadapp(configuration)


def test_only_the_owner_can_read_links(links):
    console_session.prepare(links)
    old = links / "old"
    old.touch()
    os.utime(old, (0, 0))

    console_session.write_link(links)

    (link,) = links.iterdir()
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    assert stat.S_IMODE(links.stat().st_mode) == 0o700


def test_a_service_without_links_starts_no_session(tmp_path):
    application = in_process.application(tmp_path)

    assert start(application, "code").status_int == 404
