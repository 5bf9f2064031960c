"""Starting: what stops it says which and how to mend it."""

import logging

import pytest
import sqlalchemy as sa

from placement import deploy, exception
from tests.unit import in_process
from tests.unit.middleware.applications import ask


@pytest.fixture
def config(tmp_path):
    return in_process.configuration(tmp_path)


def database(config, **options):
    for name, value in options.items():
        config.set_override(name, value, group="placement_database")


def test_a_database_is_made_ready_when_the_configuration_says_so(config):
    deploy.loadapp(config)
    database(config, sync_on_startup=False)

    deploy.loadapp(config)


def test_a_database_without_a_schema(config):
    database(config, sync_on_startup=False)

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    text = str(failure.value)
    assert "has no schema" in text
    assert "placement.db" in text
    assert "placement-manage db sync" in text


def test_a_database_with_an_old_schema(config):
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


def test_a_database_that_cannot_be_opened(config, tmp_path):
    path = tmp_path / "nowhere" / "placement.db"
    database(config, connection=f"sqlite:///{path}")

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    assert str(path) in str(failure.value)
    assert "cannot be reached" in str(failure.value)


def test_a_file_that_is_no_database(config, tmp_path):
    path = tmp_path / "placement.db"
    path.write_text("This is not a database, but a text that is long enough." * 20)

    with pytest.raises(exception.ConfigurationError, match="file is not a database"):
        deploy.loadapp(config)


@pytest.mark.parametrize(
    "url",
    ["pony", "oracle+pony://host/db", "postgresql://host:port/db", "nothing://host/db"],
)
def test_a_url_that_cannot_be_read(config, url):
    database(config, connection=url)

    with pytest.raises(exception.ConfigurationError, match=r"\[placement_database\]"):
        deploy.loadapp(config)


def test_a_replica_that_is_not_used_is_told_and_does_not_matter(config, caplog):
    database(config, slave_connection="sqlite:///nowhere/at/all.db")

    deploy.loadapp(config)

    assert "slave_connection is not used" in caplog.text


def test_the_url_of_a_replica_that_cannot_be_read(config):
    database(
        config,
        connection="postgresql://placement@127.0.0.1:1/placement",
        slave_connection="postgresql://host:port/db",
    )

    with pytest.raises(exception.ConfigurationError, match="slave_connection cannot"):
        deploy.loadapp(config)


def test_the_password_is_not_told(config):
    database(
        config,
        connection="postgresql://placement:secret@127.0.0.1:1/placement",
        max_retries=0,
    )

    with pytest.raises(exception.ConfigurationError) as failure:
        deploy.loadapp(config)

    assert "127.0.0.1:1/placement cannot be reached" in str(failure.value)
    assert "secret" not in str(failure.value)


def test_a_server_is_tried_as_often_as_configured(config, monkeypatch):
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


def test_an_unexpected_failure_is_a_500_and_has_its_headers(config, caplog):
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


@pytest.mark.parametrize(
    "layer", ["http_proxy", "requestlog", "cors", "auth", "openapi", "microversion"]
)
def test_whatever_fails_around_the_operations_gets_an_error_document(
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
