"""The findings and exit status of ``placement-status``."""

import pytest

from placement.cmd import manage, status

pytestmark = pytest.mark.usefixtures("operator_machine")

OK = """\
+-------------------------------------------+
| Upgrade Check Results                     |
+-------------------------------------------+
| Check: Missing Root Provider IDs          |
| Result: Success                           |
| Details: None                             |
+-------------------------------------------+
| Check: Incomplete Consumers               |
| Result: Success                           |
| Details: None                             |
+-------------------------------------------+
| Check: Policy File JSON to YAML Migration |
| Result: Success                           |
| Details: None                             |
+-------------------------------------------+
"""


@pytest.fixture
def check(database, capsys):
    """Return a function that runs the checks: exit status, output and results."""
    manage.main(["--config-file", str(database.configuration), "db", "sync"])

    def check(*argv):
        code = status.main(
            ["--config-file", str(database.configuration), "upgrade", "check", *argv]
        )
        text = capsys.readouterr().out
        lines = [line.strip("| ") for line in text.splitlines()]
        results = [line.split()[1] for line in lines if line.startswith("Result:")]
        return code, text, results

    return check


@pytest.fixture
def unknown_consumer(check, database):
    database.execute(
        "INSERT INTO allocations "
        "(resource_provider_id, consumer_id, resource_class_id, used) "
        "VALUES (1, 'c', 0, 1)"
    )


@pytest.fixture
def missing_root(check, database):
    database.execute(
        "INSERT INTO resource_providers (uuid, name, generation, revision) "
        "VALUES ('p', 'p', 0, 0)"
    )


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_without_problems_every_check_succeeds(check, arguments):
    assert check(*arguments)[:2] == (0, OK)


def test_consumers_without_record_are_a_warning(check, unknown_consumer):
    code, text, results = check()

    assert (code, results) == (1, ["Success", "Warning", "Success"])
    assert "Consumers with allocations and without a record: 1" in text


def test_providers_without_root_are_a_failure(check, missing_root):
    code, text, results = check()

    assert (code, results) == (2, ["Failure", "Success", "Success"])
    assert "1 resource providers have no root" in text


def test_the_exit_status_is_the_worst_result(check, missing_root, unknown_consumer):
    code, _, results = check()

    assert (code, results) == (2, ["Failure", "Warning", "Success"])


def test_a_policy_file_in_json_is_a_failure(check, tmp_path):
    (tmp_path / "policy.yaml").write_text('{"placement:traits:list": "role:a"}')

    code, _, results = check()

    assert (code, results) == (2, ["Success", "Success", "Failure"])


def test_a_policy_file_in_yaml_is_a_success(check, tmp_path):
    (tmp_path / "policy.yaml").write_text('"placement:traits:list": "role:a"\n')

    assert check()[0] == 0


def test_a_check_that_fails_to_run_exits_with_255(database, capsys):
    code = status.main(
        ["--config-file", str(database.configuration), "upgrade", "check"]
    )

    assert code == 255
    assert "no such table" in capsys.readouterr().err


def test_a_missing_configuration_exits_with_255(capsys):
    assert status.main(["upgrade", "check"]) == 255
    assert "[placement_database]" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["upgrade"], ["other"], ["upgrade", "other"]])
def test_other_commands_are_usage_errors(argv, capsys):
    with pytest.raises(SystemExit) as left:
        status.main(argv)

    assert left.value.code == 2
    assert "usage: placement-status" in capsys.readouterr().err
