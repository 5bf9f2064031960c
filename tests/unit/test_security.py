"""``docs/security.md`` names tests and options that exist; secrets are not logged."""

import ast
import logging
import pathlib
import re

import pytest
import webob

import placement.conf
from placement import deploy, exception
from tests.unit import in_process

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()

# Of libraries; the service knows the options of the others.
OF_OTHERS = {"keystone_authtoken"}

TOKEN = "not-to-be-seen-in-a-log"


@pytest.mark.parametrize(
    "named", sorted(set(re.findall(r"tests/[\w/]+\.py(?:::\w+)?", PAGE)))
)
def test_a_named_test_exists(named: str) -> None:
    path, _, function = named.partition("::")
    tree = ast.parse((ROOT / path).read_text())

    found = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}

    assert not function or function in found


def test_named_options_exist() -> None:
    known = {
        (str(group), option.dest)
        for group, options in placement.conf.list_opts()
        for option in options
    }
    named = set(re.findall(r"\[(\w+)\] (\w+)", PAGE))

    assert named
    assert {each for each in named if each[0] not in OF_OTHERS} <= known


def test_tokens_and_bodies_are_not_logged(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    configuration = in_process.configuration(tmp_path)
    configuration.set_override("auth_strategy", "token", group="api")
    configuration.set_override("token_file", str(token_file), group="api")
    application = deploy.loadapp(configuration)

    for token in (TOKEN, f"{TOKEN}-wrong"):
        for body in ('{"name": "a body"}', '{"name": "a body"', '{"no": "a body"}'):
            made = webob.Request.blank("/resource_providers", method="POST")
            made.headers["x-auth-token"] = token
            made.content_type = "application/json"
            made.text = body
            made.get_response(application)

    assert '"POST /resource_providers" status: 201' in caplog.text
    assert '"POST /resource_providers" status: 401' in caplog.text
    assert TOKEN not in caplog.text
    assert "a body" not in caplog.text


def test_the_password_of_the_database_is_not_shown(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = in_process.configuration(tmp_path)
    # Nothing listens on the port.
    url = f"postgresql://placement:{TOKEN}@127.0.0.1:1/placement"
    options = {"connection": url, "max_retries": 1, "retry_interval": 0}
    for option, value in options.items():
        configuration.set_override(option, value, group="placement_database")

    with pytest.raises(exception.ConfigurationError) as refusal:
        deploy.loadapp(configuration)

    assert "cannot be reached, attempt 1" in caplog.text
    assert TOKEN not in caplog.text + str(refusal.value)
