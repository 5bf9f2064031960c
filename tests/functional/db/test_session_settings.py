"""The service works with any default settings of database sessions."""

import collections.abc
import pathlib
import uuid

import pytest
import sqlalchemy as sa

from placement import client, exception
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import migrations
from tests.servers import accounts, configuration, databases, programs, server
from tests.servers.plugin import skip_missing

# Characters of one to four bytes, and the quote characters of SQL dialects.
NAME = "a\\b'c\"d`e%|\u00e9\u20ac\U0001f600"

# Settings with which a session of MariaDB can start. Here they come with the URL,
# from which the driver sends them first; usually they are defaults of the server.
MODES_OF_MARIADB = [
    "",
    "ANSI",
    "ORACLE",
    "NO_BACKSLASH_ESCAPES",
    "EMPTY_STRING_IS_NULL,SIMULTANEOUS_ASSIGNMENT,PAD_CHAR_TO_FULL_LENGTH",
    "HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION,ONLY_FULL_GROUP_BY",
]
OF_MARIADB = [
    "NAMES latin1",
    "SESSION TRANSACTION READ ONLY",
    "completion_type = 'CHAIN'",
    "sql_select_limit = 1",
    "max_join_size = 1",
    "group_concat_max_len = 4",
    "time_zone = '+05:30'",
]

# Settings of a role, a database or a server of PostgreSQL.
OF_POSTGRESQL = [
    "standard_conforming_strings = off",
    "client_encoding = latin1",
    "default_transaction_isolation = serializable",
    "DateStyle = 'SQL, DMY'",
    "timezone = 'Asia/Kolkata'",
    "transform_null_equals = on",
    "array_nulls = off",
]


@pytest.fixture
def mariadb_url(
    database_kinds: list[str],
    database_servers: collections.abc.Callable[[str], databases.Databases],
    pytestconfig: pytest.Config,
) -> collections.abc.Iterator[str]:
    """A migrated database on MariaDB for one test."""
    if databases.MARIADB not in database_kinds:
        pytest.skip("about MariaDB")
    try:
        made = database_servers(databases.MARIADB)
    except accounts.MissingError as missing:
        skip_missing(pytestconfig, databases.MARIADB, str(missing))
    with made.new() as url:
        yield url


@pytest.fixture
def postgresql_url(
    postgresql_server: databases.Databases,
) -> collections.abc.Iterator[str]:
    """A migrated database on PostgreSQL for one test."""
    with postgresql_server.new() as url:
        yield url


def use(url: str, **options: object) -> None:
    """Start the service on a database; write, claim and search."""
    group = {"max_retries": 0, **options}
    with server.in_process(url, {"placement_database": group}) as application:
        api = client.Client(client.WSGITransport(application))
        host = api.create_provider(NAME)
        offer = client.Inventory(total=10, allocation_ratio=0.9)
        api.replace_inventories(host.uuid, client.Inventories(0, {"VCPU": offer}))
        traits = frozenset(("COMPUTE_NODE", "HW_NUMA_ROOT"))
        api.replace_provider_traits(host.uuid, client.ProviderTraits(1, traits))
        asked = [client.RequestGroup(resources={"VCPU": 9})]
        (found,) = api.get_candidates(asked, limit=5).requests
        consumer = str(uuid.uuid4())
        owner = {"project_id": NAME, "user_id": NAME, "consumer_type": "INSTANCE"}
        assert api.claim(consumer, found, **owner)

        (stored,) = api.get_providers(name=NAME)
        assert (stored.uuid, stored.name) == (host.uuid, NAME)
        assert api.get_allocations(consumer).project_id == NAME
        assert not api.get_candidates(asked, limit=5).requests
        assert len(api.get_traits()) > 100
        (details,) = api.read_providers(["traits"])
        assert set(details.traits) == traits


def with_query(url: str, **query: str) -> str:
    changed = sa.make_url(url).update_query_dict(query)
    return changed.render_as_string(hide_password=False)


@pytest.mark.parametrize("configured", ["TRADITIONAL", ""])
@pytest.mark.parametrize("mode", MODES_OF_MARIADB)
def test_the_service_works_with_any_sql_mode_of_a_mariadb_server(
    mariadb_url: str, mode: str, configured: str
) -> None:
    url = with_query(mariadb_url, init_command=f"SET sql_mode = '{mode}'")

    use(url, mysql_sql_mode=configured)


@pytest.mark.parametrize("setting", OF_MARIADB)
def test_the_service_works_with_any_setting_of_a_mariadb_server(
    mariadb_url: str, setting: str
) -> None:
    use(with_query(mariadb_url, init_command=f"SET {setting}"))


@pytest.mark.parametrize("mode", ["ANSI", "traditional", "ORACLE, NO_ZERO_DATE"])
def test_the_service_works_with_any_configured_sql_mode(
    mariadb_url: str, mode: str
) -> None:
    use(mariadb_url, mysql_sql_mode=mode)


def test_an_unknown_sql_mode_is_an_error(mariadb_url: str) -> None:
    with pytest.raises(exception.ConfigurationError, match="pony"):
        use(mariadb_url, mysql_sql_mode="pony")


def test_tables_on_mariadb_are_transactional(mariadb_url: str) -> None:
    name = f"{sa.make_url(mariadb_url).database}_empty"
    run(mariadb_url, f"CREATE DATABASE {name} CHARACTER SET latin1")
    url = sa.make_url(mariadb_url).set(database=name).render_as_string()
    setting = (
        "SET default_storage_engine = 'MyISAM', sql_mode = 'ANSI', sql_safe_updates = 1"
    )
    try:
        use(with_query(url, init_command=setting), sync_on_startup=True)
        engine = sa.create_engine(url)
        with engine.connect() as conn:
            engines_used = conn.scalars(
                sa.text(
                    "SELECT DISTINCT engine FROM information_schema.tables "
                    "WHERE table_schema = DATABASE()"
                )
            )
            assert engines_used.all() == ["InnoDB"]
        engine.dispose()
    finally:
        run(mariadb_url, f"DROP DATABASE {name}")


@pytest.mark.parametrize("setting", OF_POSTGRESQL)
def test_the_service_works_with_any_setting_of_a_postgresql_database(
    postgresql_url: str, setting: str
) -> None:
    run(
        postgresql_url,
        f"ALTER DATABASE {sa.make_url(postgresql_url).database} SET {setting}",
    )

    use(postgresql_url)


def run(url: str, statement: str) -> None:
    """Run one statement on a plain engine, outside a transaction."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize(
    "query",
    [
        {"charset": "utf8"},
        {"charset": "latin1"},
        {"charset": "utf8mb3", "use_unicode": "0"},
    ],
    ids=str,
)
def test_a_mariadb_url_cannot_restrict_the_stored_characters(
    mariadb_url: str, query: dict[str, str]
) -> None:
    use(with_query(mariadb_url, **query))


def test_mariadb_parameters_cannot_restrict_the_stored_characters(
    mariadb_url: str,
) -> None:
    use(mariadb_url, connection_parameters="charset=utf8")


@pytest.mark.parametrize(
    "query",
    [
        {"client_encoding": "latin1"},
        {"options": "-c client_encoding=latin1"},
        {"options": "-c standard_conforming_strings=off"},
    ],
    ids=str,
)
def test_a_postgresql_url_cannot_restrict_the_stored_characters(
    postgresql_url: str, query: dict[str, str]
) -> None:
    use(with_query(postgresql_url, **query))


def test_an_unknown_driver_parameter_is_an_error(
    mariadb_url: str,
) -> None:
    with pytest.raises(exception.ConfigurationError, match="pony"):
        use(with_query(mariadb_url, pony="1"))


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_postgresql_database_with_another_encoding_is_refused(
    postgresql_url: str, encoding: str, tmp_path: pathlib.Path
) -> None:
    name = f"not_utf_8_{encoding.lower()}"
    run(
        postgresql_url,
        f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0",
    )
    url = sa.make_url(postgresql_url).set(database=name).render_as_string()
    try:
        with pytest.raises(exception.ConfigurationError, match=encoding):
            use(url, sync_on_startup=True)
        engine = engines.create_engine(DatabaseSettings(url))
        with pytest.raises(exception.ConfigurationError, match=encoding):
            migrations.sync(engine)
        engine.dispose()
        configuration.write(tmp_path, url)
        with pytest.raises(RuntimeError, match=f"has the encoding {encoding}"):
            programs.migrate(tmp_path)
    finally:
        run(postgresql_url, f"DROP DATABASE {name} WITH (FORCE)")
