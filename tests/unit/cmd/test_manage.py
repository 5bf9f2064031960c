"""The output and exit status of ``placement-manage``."""

import importlib.metadata
import json

import pytest

from placement.cmd import manage

pytestmark = pytest.mark.usefixtures("operator_machine")

HEAD = "a082b8bb98d0"


@pytest.fixture
def run(database, capsys):
    """Return a function that runs the command: its status and its lines."""

    def run(*argv):
        status = manage.main(["--config-file", str(database.configuration), *argv])
        return status, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def old_records(run, database):
    """A database with 60 providers without a root and 55 unknown consumers."""
    run("db", "sync")
    database.execute(
        *(
            "INSERT INTO resource_providers (uuid, name, generation, revision) "
            f"VALUES ('p{number}', 'p{number}', 0, 0)"
            for number in range(60)
        ),
        *(
            "INSERT INTO allocations "
            "(resource_provider_id, consumer_id, resource_class_id, used) "
            f"VALUES (1, 'c{number}', 0, 1)"
            for number in range(55)
        ),
    )


def test_sync_creates_the_schema_and_can_be_repeated(run, database):
    assert run("db", "version") == (0, ["None"])
    assert run("db", "sync") == (0, [])
    assert run("db", "version") == (0, [HEAD])
    database.execute("INSERT INTO traits (name) VALUES ('CUSTOM_A')")

    assert run("db", "sync") == (0, [])

    assert database.execute("SELECT name FROM traits") == [("CUSTOM_A",)]
    assert database.execute("SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_stamp_sets_the_revision_and_nothing_else(run, database):
    assert run("db", "stamp", "422ece571366")[0] == 0
    assert run("db", "version") == (0, ["422ece571366"])
    assert run("db", "stamp", "head")[0] == 0
    assert run("db", "version") == (0, [HEAD])

    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert ("traits",) not in tables


def test_stamp_rejects_an_unknown_revision(database, run, capsys):
    run("db", "sync")

    status = manage.main(
        ["--config-file", str(database.configuration), "db", "stamp", "nope"]
    )

    assert status == 1
    assert "nope" in capsys.readouterr().err
    assert run("db", "version") == (0, [HEAD])


def test_online_data_migrations_run_until_nothing_is_left(run, old_records, database):
    status, lines = run("db", "online_data_migrations")

    assert status == 0
    assert lines[0] == "Running batches of 50 until complete"
    assert lines[1] == "60 rows matched query set_root_provider_ids, 50 migrated"
    assert lines[-9:] == [
        "+-----------------------------+-------------+-----------+",
        "|          Migration          | Total Found | Completed |",
        "+-----------------------------+-------------+-----------+",
        "|    set_root_provider_ids    |     60      |    60     |",
        "| create_incomplete_consumers |     55      |    55     |",
        "|         count_used          |     60      |    60     |",
        "|     canonicalize_uuids      |      0      |     0     |",
        "|     count_limited_usage     |      0      |     0     |",
        "+-----------------------------+-------------+-----------+",
    ]
    assert database.execute(
        "SELECT count(*) FROM resource_providers WHERE root_provider_id = id"
    ) == [(60,)]
    assert database.execute("SELECT count(*), max(generation) FROM consumers") == [
        (55, 0)
    ]


def test_consumers_without_record_get_the_configured_owner(run, old_records, database):
    with database.configuration.open("a") as file:
        file.write("[placement]\nincomplete_consumer_project_id = nobodys\n")

    run("db", "online_data_migrations")

    assert database.execute(
        "SELECT DISTINCT p.external_id, u.external_id FROM consumers c "
        "JOIN projects p ON p.id = c.project_id JOIN users u ON u.id = c.user_id"
    ) == [("nobodys", "00000000-0000-0000-0000-000000000000")]


def test_with_a_count_the_status_is_1_while_rows_are_changed(
    run, old_records, database
):
    counts = "SELECT count(root_provider_id) FROM resource_providers"

    assert run("db", "online_data_migrations", "--max-count", "40")[0] == 1
    assert database.execute(counts) == [(40,)]
    assert database.execute("SELECT count(*) FROM consumers") == [(0,)]

    status, lines = run("db", "online_data_migrations", "--max-count", "40")
    assert status == 1
    assert lines[:2] == [
        "20 rows matched query set_root_provider_ids, 20 migrated",
        "55 rows matched query create_incomplete_consumers, 20 migrated",
    ]

    assert run("db", "online_data_migrations", "--max-count", "35")[0] == 1
    # The providers have no revision yet.
    assert run("db", "online_data_migrations", "--max-count", "60")[0] == 1
    assert run("db", "online_data_migrations", "--max-count", "1")[0] == 0


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5", "", "\N{SUPERSCRIPT TWO}"])
def test_a_count_must_be_positive(run, count):
    status, lines = run("db", "online_data_migrations", f"--max-count={count}")

    assert (status, lines) == (127, ["Must supply a positive value for max_count"])


@pytest.mark.parametrize("arguments", [[], ["--max-count", "5"]])
def test_a_migration_that_fails_is_reported(run, arguments):
    status, lines = run("db", "online_data_migrations", *arguments)

    assert status == 2
    assert "Error attempting to run set_root_provider_ids" in lines
    assert lines[-1] == ("Some migrations failed unexpectedly. Check log for details.")


def test_a_migration_that_fails_does_not_stop_the_others(run, old_records, database):
    database.execute("DROP TABLE projects")
    first = run("db", "online_data_migrations", "--max-count", "100")
    assert first[0] == 1
    assert "Error attempting to run create_incomplete_consumers" in first[1]

    assert run("db", "online_data_migrations")[0] == 2

    assert database.execute(
        "SELECT count(root_provider_id) FROM resource_providers"
    ) == [(60,)]


def test_db_alone_shows_help(run):
    status, lines = run("db")

    assert status == 0
    assert any("online_data_migrations" in line for line in lines)


def test_no_command_shows_help_and_is_an_error(capsys):
    assert manage.main([]) == 1
    assert "usage: placement-manage" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["nothing"], ["db", "nothing"], ["db", "stamp"]])
def test_an_unknown_command_is_a_usage_error(argv, capsys):
    with pytest.raises(SystemExit) as left:
        manage.main(argv)

    assert left.value.code == 2
    assert "usage: placement-manage" in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as left:
        manage.main(["--version"])

    assert left.value.code == 0
    version = importlib.metadata.version("standalone-placement")
    assert capsys.readouterr().out == f"{version}\n"


@pytest.mark.parametrize("command", ["sync", "version", "online_data_migrations"])
def test_a_missing_database_is_an_error(command, capsys):
    assert manage.main(["db", command]) == 1
    assert "[placement_database]" in capsys.readouterr().err


def test_a_database_that_cannot_be_opened_is_an_error(tmp_path, capsys):
    path = tmp_path / "placement.conf"
    path.write_text("[placement_database]\nconnection = sqlite:////no/such/dir/db\n")

    assert manage.main(["--config-file", str(path), "db", "sync"]) == 1
    assert "unable to open" in capsys.readouterr().err


def test_a_missing_configuration_file_is_an_error(tmp_path, capsys):
    path = tmp_path / "none.conf"

    assert manage.main(["--config-file", str(path), "db", "version"]) == 1
    assert str(path) in capsys.readouterr().err


@pytest.fixture
def audited(run, database):
    """A database with two wrong values of ``used``, one of them over capacity."""
    run("db", "sync")
    database.execute(
        "INSERT INTO resource_classes (id, name) VALUES (0, 'VCPU')",
        "INSERT INTO projects (id, external_id) VALUES (1, 'p')",
        "INSERT INTO users (id, external_id) VALUES (1, 'u')",
        "INSERT INTO resource_providers (id, uuid, name, generation, revision, "
        "root_provider_id) VALUES (1, 'one', 'one', 0, 1, 1), "
        "(2, 'two', 'two', 0, 1, 2)",
        *(
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total, "
            "reserved, min_unit, max_unit, step_size, allocation_ratio) "
            f"VALUES ({provider}, 0, {total}, 0, 1, 8, 1, 1.0)"
            for provider, total in ((1, 8), (2, 4))
        ),
        "INSERT INTO consumers (uuid, project_id, user_id, generation) "
        "VALUES ('c', 1, 1, 1)",
        "INSERT INTO allocations (resource_provider_id, consumer_id, "
        "resource_class_id, used) VALUES (1, 'c', 0, 3), (2, 'c', 0, 5)",
    )


def test_an_audit_shows_findings_and_their_repair(run, audited):
    status, lines = run("db", "audit")

    text = " ".join(" ".join(lines).replace("│", " ").split())
    assert status == 1
    assert "used 2 The used units of an inventory are not the sum" in text
    assert "provider one, provider_id 1, resource_class VCPU, used 0, allocated" in text
    assert "--fix: Sets them to the sum." in text
    assert "over_capacity 1 More is allocated than the capacity" in text
    assert "resource_class VCPU, allocated 5, capacity 4" in text
    assert lines[-1] == "3 found. Run with --fix to repair 2 of them."


def test_an_audit_with_fix_shows_what_it_repaired(run, audited, database):
    status, lines = run("db", "audit", "--fix")

    text = " ".join(" ".join(lines).replace("│", " ").split())
    assert status == 1
    assert "used 2 The used units of an inventory are not the sum" in text
    assert lines[-1] == "2 repaired. 1 left."
    used = "SELECT used FROM inventories ORDER BY id"
    assert database.execute(used) == [(3,), (5,)]

    database.execute("UPDATE inventories SET total = 5")
    assert run("db", "audit")[0] == 0
    assert run("db", "audit", "--fix")[1][-1] == "0 repaired. Nothing left."


def test_an_audit_in_json_has_every_finding(run, audited):
    status, lines = run("db", "audit", "--json")

    document = json.loads("\n".join(lines))
    assert status == 1
    assert document.keys() == {"database", "mended", "findings", "left"}
    assert document["left"] == {"used": 2, "over_capacity": 1}
    assert document["findings"][-1] == {
        "fact": "over_capacity",
        "can_be_mended": False,
        "about": {
            "provider": "two",
            "resource_class": "VCPU",
            "allocated": 5,
            "capacity": 4,
        },
    }


def test_the_table_shows_the_first_three_of_many_findings(run, database):
    run("db", "sync")
    database.execute(
        *(
            "INSERT INTO resource_providers (uuid, name, generation) "
            f"VALUES ('p{number}', 'p{number}', 0)"
            for number in range(7)
        )
    )

    lines = run("db", "audit")[1]

    assert sum("revision 0" in line for line in lines) == 3
    assert any("... and 4 more" in line for line in lines)


def test_a_failed_audit_exits_with_2(run, capsys, database):
    arguments = ["--config-file", str(database.configuration), "db", "audit"]

    assert manage.main(arguments) == 2
    assert "placement-manage db sync" in capsys.readouterr().err
    assert manage.main(["db", "audit"]) == 2
    with pytest.raises(SystemExit) as left:
        manage.main([*arguments, "--fixit"])
    assert left.value.code == 2


def test_sync_counts_allocations_of_another_placement(run, audited, database):
    assert run("db", "sync") == (0, [])

    used = "SELECT used FROM inventories ORDER BY id"
    assert database.execute(used) == [(3,), (5,)]
