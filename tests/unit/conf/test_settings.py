"""Settings are loaded from the configuration."""

import dataclasses

import pytest
from oslo_config import cfg

from placement import conf, exception
from placement.conf import settings

URL = "[placement_database]\nconnection = sqlite://\n"


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "placement.conf"
        path.write_text(text)
        config = cfg.ConfigOpts()
        conf.register_opts(config)
        config([], project="placement", default_config_files=[str(path)])
        return settings.load(config)

    return load


def test_options_are_loaded_as_plain_values(load):
    loaded = load(
        URL
        + """
max_pool_size = 7
sqlite_synchronous = off
[placement]
max_allocation_candidates = 12
[oslo_middleware]
enable_proxy_headers_parsing = yes
[cors]
allowed_origin = https://a.example, https://b.example
[api]
auth_strategy = noauth2
[DEFAULT]
log_options = 0
"""
    )

    assert loaded.database.connection == "sqlite://"
    assert loaded.database.max_pool_size == 7
    assert loaded.database.sqlite_synchronous is False
    assert loaded.placement.max_allocation_candidates == 12
    assert loaded.proxy.enable_proxy_headers_parsing is True
    assert loaded.cors.allowed_origin == ("https://a.example", "https://b.example")
    assert loaded.api.auth_strategy == "noauth2"
    assert loaded.log_options is False


def test_database_settings_have_the_defaults_of_the_options(load):
    assert load(URL).database == settings.DatabaseSettings("sqlite://")


def test_cors_is_off_by_default(load):
    assert load(URL).cors.allowed_origin == ()


def test_settings_cannot_be_changed(load):
    loaded = load(URL)

    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.log_options = False
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.placement.max_allocation_candidates = 1


@pytest.mark.parametrize("text", ["", "[placement_database]\nconnection =\n"])
def test_a_missing_database_url_is_reported_with_both_ways_to_set_it(load, text):
    with pytest.raises(
        exception.ConfigurationError,
        match=r"connection in \[placement_database\] .*OS_PLACEMENT_DATABASE__CONN",
    ):
        load(text)


@pytest.mark.parametrize(
    "text",
    [
        "[placement]\nmax_allocation_candidates = many\n",
        "[placement]\nallocation_candidates_generation_strategy = any-first\n",
        "[api]\nauth_strategy = none\n",
        "[placement_database]\nretry_interval = -1\n",
        "[workarounds]\noptimize_for_wide_provider_trees = maybe\n",
        "[DEFAULT]\nlog_options = maybe\n",
    ],
)
def test_an_invalid_value_is_reported_with_its_option(load, text):
    name = text.splitlines()[1].split()[0]

    with pytest.raises(exception.ConfigurationError, match=name):
        load(URL + text)


@pytest.mark.parametrize("strategy", ["keystone", "noauth2", "token"])
@pytest.mark.parametrize("section", ["api", "DEFAULT"])
def test_auth_strategy_is_read_from_either_section(load, section, strategy):
    loaded = load(f"{URL}[{section}]\nauth_strategy = {strategy}\n")

    assert loaded.api.auth_strategy == strategy


def test_a_generation_strategy_that_is_not_set_is_none(load):
    assert load(URL).placement.allocation_candidates_generation_strategy is None


@pytest.mark.parametrize("strategy", ["depth-first", "breadth-first"])
def test_a_generation_strategy_that_is_set_is_kept(load, strategy):
    name = "allocation_candidates_generation_strategy"

    loaded = load(f"{URL}[placement]\n{name} = {strategy}\n")

    assert loaded.placement.allocation_candidates_generation_strategy == strategy


def test_a_generation_strategy_of_the_environment_is_kept(load, monkeypatch):
    name = "OS_PLACEMENT__ALLOCATION_CANDIDATES_GENERATION_STRATEGY"
    monkeypatch.setenv(name, "depth-first")

    strategy = load(URL).placement.allocation_candidates_generation_strategy

    assert strategy == "depth-first"


def test_options_without_effect_are_logged_if_set(load, caplog):
    load(URL + "connection_trace = true\n[DEFAULT]\ntempdir = /tmp\n")

    (message,) = caplog.messages
    assert message.endswith(
        ": [DEFAULT] tempdir, [placement_database] connection_trace"
    )


def test_nothing_is_logged_if_all_options_have_an_effect(load, caplog):
    load(URL)

    assert caplog.messages == []
