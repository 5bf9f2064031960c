"""Every option of an existing configuration is known, and has its default."""

import pytest
from oslo_config import cfg, generator

from placement import conf

UNKNOWN = "00000000-0000-0000-0000-000000000000"

DEFAULTS = {
    "placement_database": {
        "connection": None,
        "connection_parameters": "",
        "slave_connection": None,
        "sqlite_synchronous": True,
        "mysql_sql_mode": "TRADITIONAL",
        "connection_recycle_time": 3600,
        "max_pool_size": None,
        "max_overflow": None,
        "pool_timeout": None,
        "max_retries": 10,
        "retry_interval": 10,
        "connection_debug": 0,
        "connection_trace": False,
        "sync_on_startup": False,
        "request_id_comments": False,
    },
    "api": {
        "auth_strategy": "keystone",
        "token_file": None,
        "max_request_body_bytes": 16777216,
    },
    "placement": {
        "randomize_allocation_candidates": False,
        "max_allocation_candidates": -1,
        "allocation_candidates_generation_strategy": "depth-first",
        "candidates_search_seconds_max": 30.0,
        "search_cache_megabytes": 64,
        "allocation_conflict_retry_count": 10,
        "incomplete_consumer_project_id": UNKNOWN,
        "incomplete_consumer_user_id": UNKNOWN,
    },
    "workarounds": {"optimize_for_wide_provider_trees": False},
    "cors": {
        "allowed_origin": None,
        "allow_credentials": True,
        "allow_headers": [
            "X-Auth-Token",
            "X-Openstack-Request-Id",
            "X-Identity-Status",
            "X-Roles",
            "X-Service-Catalog",
            "X-User-Id",
            "X-Tenant-Id",
            "OpenStack-API-Version",
        ],
        "expose_headers": [
            "X-Auth-Token",
            "X-Openstack-Request-Id",
            "X-Subject-Token",
            "X-Service-Token",
            "OpenStack-API-Version",
        ],
        "allow_methods": ["GET", "PUT", "POST", "DELETE", "PATCH"],
        "max_age": 3600,
    },
    "oslo_middleware": {"enable_proxy_headers_parsing": False},
    "oslo_policy": {
        "policy_file": "policy.yaml",
        "policy_dirs": ["policy.d"],
        "policy_default_rule": "default",
        "enforce_new_defaults": True,
    },
}

OF_LIBRARIES = {"oslo_policy"}


@pytest.fixture
def config():
    config = cfg.ConfigOpts()
    conf.register_opts(config)
    config([], project="placement", default_config_files=[], default_config_dirs=[])
    return config


@pytest.mark.parametrize("group", DEFAULTS)
def test_a_group_has_its_options_and_their_defaults(config, group):
    expected = DEFAULTS[group]

    assert {name: config[group][name] for name in expected} == expected


@pytest.mark.parametrize("group", sorted(DEFAULTS.keys() - OF_LIBRARIES))
def test_a_group_has_no_other_options(config, group):
    assert set(config[group]) == DEFAULTS[group].keys()


@pytest.mark.parametrize("name", ["log_options", "tempdir", "pybasedir", "state_path"])
def test_an_option_without_a_group_is_known(config, name):
    assert name in config


def test_state_path_follows_pybasedir(config):
    config.set_override("pybasedir", "/somewhere")

    assert config.state_path == "/somewhere"


def test_registering_twice_is_harmless(config):
    conf.register_opts(config)


def test_every_option_has_help():
    options = [option for _, options in conf.list_opts() for option in options]

    assert [option.name for option in options if not option.help] == []


def test_database_urls_are_secret():
    options = {opt.name: opt for opt in dict(conf.list_opts())[conf.database.GROUP]}

    assert options["connection"].secret
    assert options["slave_connection"].secret


def test_oslo_config_generator_finds_the_options(tmp_path):
    sample = tmp_path / "placement.conf.sample"

    generator.main(["--namespace", "placement.conf", "--output-file", str(sample)])

    lines = sample.read_text().splitlines()
    assert "#connection = <None>" in lines
    assert {f"[{group}]" for group in DEFAULTS.keys() - OF_LIBRARIES} <= set(lines)
