"""Health of a service on SQLite, and when its checks fail."""

import pytest
import sqlalchemy as sa

from placement import deploy
from placement.db import readiness
from placement.web import shutdown
from tests.unit import in_process
from tests.unit.middleware.applications import ask


@pytest.fixture
def configuration(tmp_path):
    return in_process.configuration(tmp_path)


@pytest.fixture
def application(configuration, monkeypatch):
    # Each request runs the checks again.
    monkeypatch.setattr(readiness, "FRESH_SECONDS", -1)
    return deploy.loadapp(configuration)


@pytest.fixture
def database(configuration, application):
    engine = sa.create_engine(configuration.placement_database.connection)
    yield engine
    engine.dispose()


def execute(database, statement):
    with database.begin() as conn:
        conn.exec_driver_sql(statement)


@pytest.fixture
def is_draining():
    shutdown.draining.set()
    yield
    shutdown.draining.clear()


def test_a_server_that_is_stopping_is_not_ready(application, is_draining):
    answer = ask(application, "/readyz")

    assert answer.status_int == 503
    assert answer.text == "draining: the server is stopping"
    assert ask(application, "/livez").status_int == 200
    assert ask(application, "/readyz?exclude=draining").text == "ok"
    assert ask(application, "/healthcheck").text == "the server is stopping"


def test_a_schema_that_is_not_the_newest_is_not_ready(application, database):
    execute(database, "UPDATE placement_own_version SET version_num = '0001'")

    answer = ask(application, "/readyz?verbose")

    assert answer.status_int == 503
    assert answer.text.splitlines() == [
        "[+]database ok",
        "[-]schema failed: the schema is not the newest",
        "[-]used failed: not checked",
        "[+]galera ok",
        "[+]draining ok",
    ]
    assert ask(application, "/readyz?exclude=schema").text == "used: not checked"
    assert ask(application, "/readyz?exclude=schema&exclude=used").status_int == 200


def test_usage_that_is_not_counted_is_not_ready(application, database, monkeypatch):
    monkeypatch.setattr(readiness, "USED_SHARE", 1e9)
    execute(
        database,
        "INSERT INTO resource_providers (uuid, name) VALUES ('a', 'written by hand')",
    )

    assert ask(application, "/readyz").text == "used: allocations are not counted"

    execute(database, "DELETE FROM resource_providers")
    assert ask(application, "/readyz").text == "ok"


def test_counting_is_repeated_rarely(application, database, monkeypatch):
    monkeypatch.setattr(readiness, "USED_SHARE", 1e-9)
    assert ask(application, "/readyz").text == "ok"
    execute(
        database,
        "INSERT INTO resource_providers (uuid, name) VALUES ('a', 'written by hand')",
    )

    assert ask(application, "/readyz").text == "ok"


def test_a_database_that_fails_is_not_ready(application, tmp_path):
    (tmp_path / "placement.db").write_bytes(b"no database" * 1000)

    answer = ask(application, "/readyz")

    assert answer.status_int == 503
    assert answer.text.splitlines()[0] == "database: the database does not answer"
    assert ask(application, "/healthz").status_int == 200
    assert ask(application, "/healthcheck", "HEAD").status_int == 503
    for path in ("/readyz?verbose", "/healthcheck"):
        assert str(tmp_path) not in ask(application, path).text


def test_a_result_is_used_by_later_probes(configuration, monkeypatch):
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 1000)
    runs = []
    examine = readiness.Readiness._examine
    monkeypatch.setattr(
        readiness.Readiness,
        "_examine",
        lambda *arguments: runs.append(1) or examine(*arguments),
    )
    application = deploy.loadapp(configuration)

    for _ in range(5):
        assert ask(application, "/readyz").text == "ok"

    assert len(runs) == 1


def test_a_load_balancer_is_turned_away_by_a_file(configuration, tmp_path):
    path = tmp_path / "disabled"
    configuration.set_override("disable_by_file_path", str(path), group="healthcheck")
    application = deploy.loadapp(configuration)
    assert ask(application, "/healthcheck").text == "OK"

    path.touch()

    answer = ask(application, "/healthcheck")
    assert (answer.status_int, answer.text) == (503, "DISABLED BY FILE")
    asked = ask(application, "/healthcheck", Accept="application/json")
    assert asked.status_int == 503
    assert asked.json == {"detailed": False, "reasons": ["DISABLED BY FILE"]}
    assert ask(application, "/readyz").status_int == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/healthcheck"])
def test_health_is_served_below_the_mount_point(application, path):
    answer = ask(application, path, environ={"SCRIPT_NAME": "/placement"})

    assert answer.status_int == 200


def test_a_database_in_memory_is_ready(configuration):
    configuration.set_override("connection", "sqlite://", group="placement_database")

    assert ask(deploy.loadapp(configuration), "/readyz").text == "ok"
