"""Unknown groups and options of the configuration are found, and no others."""

import pytest

from placement.conf import find, unknown


@pytest.fixture
def names(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def names(*texts):
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.conf").write_text(text)
        return unknown.names(find.command_config([f"--config-dir={tmp_path}"]))

    return names


def test_unknown_groups_are_listed_once_in_the_order_of_the_files(names):
    assert names(
        "[profiler]\nenabled = true\nhmac_keys = a\n",
        "[oslo_messaging_notifications]\ndriver = noop\n[profiler]\nenabled = no\n",
    ) == ["[profiler]", "[oslo_messaging_notifications]"]


def test_unknown_options_of_our_groups_are_listed(names):
    assert names(
        "[DEFAULT]\ntransport_url = rabbit://\ndebug = true\n"
        "[placement_database]\nconnection = sqlite://\nuse_db_reconnect = true\n"
        "[oslo_middleware]\nmax_request_body_size = 1\n"
    ) == [
        "[DEFAULT] transport_url",
        "[placement_database] use_db_reconnect",
        "[oslo_middleware] max_request_body_size",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[DEFAULT]\nlog-file = a\nlogdir = b\nlog_config = c\nuse_json = true\n",
        "[DEFAULT]\nauth_strategy = token\ntempdir = a\nlog_options = false\n",
        "[api]\nauth_strategy = token\n",
        "[API]\nauth-strategy = token\n",
        "[cors]\nallowed_origin = *\n[workarounds]\n",
        "[oslo_policy]\npolicy_file = a\nenforce_scope = true\n",
        "[keystone_authtoken]\nauth_url = a\nunheard_of = b\n",
    ],
)
def test_known_options_and_options_of_libraries_are_not_listed(names, text):
    assert names(text) == []
