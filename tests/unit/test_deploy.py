"""The start of the service, and the errors that prevent it."""

import logging

import pytest
import sqlalchemy as sa

from placement import deploy, exception
from tests.unit import in_process
from tests.unit.middleware.applications import ask


@pytest.fixture
def config(tmp_path):
    return in_process.configuration(tmp_path, is_migrated=False)


def database(config, **options):
    for name, value in options.items():
        config.set_override(name, value, group="placement_database")


def test_the_database_is_migrated_with_sync_on_startup(config):
    deploy.loadapp(config)
    database(config, sync_on_startup=False)

    deploy.loadapp(config)


def test_a_database_without_a_schema_is_an_error(config):
    database(config, sync_on_startup=False)

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    text = str(failure.value)
    assert "has no schema" in text
    assert "placement.db" in text
    assert "placement-manage db sync" in text


def test_a_database_with_an_old_schema_is_an_error(config):
    deploy.loadapp(config)
    engine = sa.create_engine(config.placement_database.connection)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '422ece571366'"))
    database(config, sync_on_startup=False)

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    assert "has the schema 422ece571366 and a082b8bb98d0 is needed" in str(
        failure.value
    )


def test_a_database_that_cannot_be_opened_is_an_error(config, tmp_path):
    path = tmp_path / "nowhere" / "placement.db"
    database(config, connection=f"sqlite:///{path}")

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    assert str(path) in str(failure.value)
    assert "cannot be reached" in str(failure.value)


def test_a_file_that_is_not_a_database_is_an_error(config, tmp_path):
    path = tmp_path / "placement.db"
    path.write_text("This is not a database, but a text that is long enough." * 20)

    with pytest.raises(exception.ConfigurationError, match="file is not a database"):
        deploy.loadapp(config)


@pytest.mark.parametrize(
    "url",
    ["pony", "oracle+pony://host/db", "postgresql://host:port/db", "nothing://host/db"],
)
def test_an_invalid_url_is_an_error(config, url):
    database(config, connection=url)

    with pytest.raises(exception.ConfigurationError, match=r"\[placement_database\]"):
        deploy.loadapp(config)


def test_a_replica_that_is_not_used_is_logged(config, caplog):
    database(config, slave_connection="sqlite:///nowhere/at/all.db")

    deploy.loadapp(config)

    assert "slave_connection is not used" in caplog.text


def test_an_invalid_url_of_a_replica_is_an_error(config):
    database(
        config,
        connection="postgresql://placement@127.0.0.1:1/placement",
        slave_connection="postgresql://host:port/db",
    )

    with pytest.raises(exception.ConfigurationError, match="slave_connection cannot"):
        deploy.loadapp(config)


def test_an_error_does_not_show_the_password(config):
    database(
        config,
        connection="postgresql://placement:secret@127.0.0.1:1/placement",
        max_retries=0,
    )

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    assert "127.0.0.1:1/placement cannot be reached" in str(failure.value)
    assert "secret" not in str(failure.value)


def test_the_number_of_connection_attempts_is_configurable(config, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    database(
        config,
        connection="postgresql://placement@127.0.0.1:1/placement",
        max_retries=3,
        retry_interval=7,
    )

    with pytest.raises(exception.ConfigurationError):
        deploy.loadapp(config)

    assert pauses == [7, 7, 7]


def test_each_attempt_to_reach_a_server_is_logged(config, monkeypatch, caplog):
    monkeypatch.setattr("time.sleep", lambda _: None)
    database(
        config,
        connection="postgresql://placement:secret@127.0.0.1:1/placement",
        max_retries=2,
        retry_interval=7,
    )

    with pytest.raises(exception.ConfigurationError):
        deploy.loadapp(config)

    waited = [text for text in caplog.messages if "cannot be reached" in text]
    assert [text.split(": ")[0].partition("attempt ")[2] for text in waited] == [
        "1; the next one is in 7 seconds",
        "2; the next one is in 7 seconds",
    ]
    assert all("127.0.0.1:1/placement" in text for text in waited)
    assert all("Connection refused" in text for text in waited)
    assert "secret" not in caplog.text


def options_logged(caplog):
    """Return the options that were logged, by name."""
    found = {}
    for record in caplog.records:
        name, equals, value = record.getMessage().partition(" = ")
        if record.name == "placement.deploy" and equals:
            found[name.strip()] = value
    return found


def test_options_are_logged_at_debug_without_their_secrets(config, caplog):
    caplog.set_level(logging.DEBUG, "placement.deploy")
    config.set_override("connection_parameters", "timeout=5", "placement_database")

    deploy.loadapp(config)

    logged = options_logged(caplog)
    assert logged["api.auth_strategy"] == "noauth2"
    assert logged["placement.max_allocation_candidates"] == "-1"
    assert logged["oslo_policy.policy_file"] == "policy.yaml"
    for name in ("connection", "connection_parameters", "slave_connection"):
        assert set(logged[f"placement_database.{name}"]) <= set("*None")
    assert "timeout=5" not in caplog.text


def test_options_of_keystone_are_logged_without_the_password(config, caplog, tmp_path):
    pytest.importorskip("keystonemiddleware")
    caplog.set_level(logging.DEBUG, "placement.deploy")
    path = tmp_path / "placement.conf"
    path.write_text(
        "[keystone_authtoken]\nauth_type = password\nauth_url = http://127.0.0.1:1/v3\n"
        "username = placement\npassword = guess-me\nmemcache_secret_key = me-too\n"
        "user_domain_id = default\nproject_domain_id = default\n"
        "project_name = service\n"
    )
    config([], project="placement", default_config_files=[str(path)])
    config.set_override("auth_strategy", "keystone", "api")

    deploy.loadapp(config)

    logged = options_logged(caplog)
    assert logged["keystone_authtoken.username"] == "placement"
    assert logged["keystone_authtoken.password"] == "****"
    assert "guess-me" not in caplog.text
    assert "me-too" not in caplog.text
    assert "without any effect" not in caplog.text


@pytest.mark.parametrize(
    ("log_options", "level"), [(False, logging.DEBUG), (True, logging.INFO)]
)
def test_options_are_logged_only_at_debug_with_log_options(
    config, caplog, log_options, level
):
    caplog.set_level(level, "placement.deploy")
    config.set_override("log_options", log_options)

    deploy.loadapp(config)

    assert options_logged(caplog) == {}


def test_options_without_effect_are_logged_once(config, caplog, tmp_path):
    path = tmp_path / "placement.conf"
    path.write_text("[oslo_messaging_rabbit]\nssl = true\n[profiler]\nenabled = true\n")
    config([], project="placement", default_config_files=[str(path)])

    deploy.loadapp(config)

    (said,) = [text for text in caplog.messages if "without any effect" in text]
    assert ": [oslo_messaging_rabbit], [profiler]. " in said


def test_an_unexpected_failure_is_a_500_with_a_request_id(config, caplog):
    caplog.set_level(logging.CRITICAL)
    application = deploy.loadapp(config)
    engine = sa.create_engine(config.placement_database.connection)
    with engine.begin() as conn:
        conn.execute(sa.text("DROP TABLE inventories"))
        conn.execute(
            sa.text(
                "INSERT INTO resource_providers (uuid, name) VALUES "
                "('a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01', 'a')"
            )
        )

    answer = ask(
        application,
        "/resource_providers/a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01/usages",
        X_Auth_Token="admin",
        Accept="application/json",
    )

    assert answer.status_int == 500
    assert "inventories" not in answer.text
    assert "x-openstack-request-id" in answer.headers


@pytest.mark.unexpected_failure
@pytest.mark.parametrize(
    "layer", ["http_proxy", "requestlog", "cors", "auth", "microversion"]
)
def test_a_failure_in_any_middleware_gets_an_error_document(
    config, monkeypatch, caplog, layer
):
    def broken(_app, _service, **_more):
        def fail(_environ, _start_response):
            raise RuntimeError("broken inside")

        return fail

    monkeypatch.setattr(getattr(deploy, layer), "wrap", broken)

    answer = ask(deploy.loadapp(config), "/traits", X_Auth_Token="admin")

    (error,) = answer.json["errors"]
    assert (answer.status_int, error["title"]) == (500, "Internal Server Error")
    assert error["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert "broken inside" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "broken inside" in str(record.exc_info[1])
    assert error["request_id"] in record.getMessage()
