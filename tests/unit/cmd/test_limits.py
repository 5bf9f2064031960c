"""The command ``placement limits``."""

import json

import pytest

from tests.unit.cmd.test_placement import error

REGISTERED = [
    {"ID": "1", "Resource Name": "class:VCPU", "Default Limit": 20, "Region ID": None},
    {"ID": "2", "Resource Name": "servers", "Default Limit": 10, "Region ID": None},
    {"ID": "3", "Resource Name": "class:DISK_GB", "Default Limit": -1},
    {"ID": "4", "Resource Name": "server_groups", "Default Limit": 10},
]
OWN = [
    {
        "ID": "5",
        "Project ID": "p",
        "Resource Name": "class:VCPU",
        "Resource Limit": 50,
        "Region ID": "one",
    },
    {
        "ID": "6",
        "Project ID": "p",
        "Resource Name": "servers",
        "Resource Limit": -1,
        "Region ID": "one",
    },
    {"ID": "7", "Project ID": None, "Resource Name": "servers", "Resource Limit": 5},
]


def rows(result):
    assert result.exit_code == 0, result.stderr
    return [line.split() for line in result.stdout.splitlines()[1:]]


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes a document to a file and returns its path."""

    def save(document, name="limits.json"):
        path = tmp_path / name
        path.write_text(json.dumps(document))
        return str(path)

    return save


def test_limits_are_set_one_by_one(command):
    assert rows(command("limits", "set", "default", "VCPU=5", "MEMORY_MB=64"))
    command("limits", "set", "p", "VCPU=10")

    assert rows(command("limits", "set", "p", "consumers=3")) == [
        ["consumers", "3", "0", "project"],
        ["VCPU", "10", "0", "project"],
        ["MEMORY_MB", "64", "0", "default"],
    ]
    assert rows(command("limits", "list")) == [
        ["default", "5", "-", "VCPU"],
        ["default", "64", "-", "MEMORY_MB"],
        ["p", "3", "0", "consumers"],
        ["p", "10", "0", "VCPU"],
    ]


def test_limits_are_unset(command, client):
    client.replace_limits("p", {"VCPU": 1, "consumers": 2})

    assert command("limits", "unset", "p", "VCPU").exit_code == 0
    assert client.get_limits("p").limits == {"consumers": 2}
    assert "no limit of VCPU" in error(command("limits", "unset", "p", "VCPU"), 2)
    assert command("limits", "unset", "p").stdout == "Deleted all limits of p.\n"
    assert "no limits of its own" in error(command("limits", "unset", "p"), 1)


def test_json_is_that_of_the_service(command, client):
    client.replace_limits("p", {"VCPU": 1})

    assert json.loads(command("limits", "show", "p", "--json").stdout) == {
        "project_id": "p",
        "limits": {"VCPU": 1},
        "defaults": {},
        "usages": {"VCPU": 0},
    }
    assert json.loads(command("limits", "list", "--json").stdout) == {
        "limits": [{"project_id": "p", "limits": {"VCPU": 1}, "usages": {"VCPU": 0}}]
    }


@pytest.mark.parametrize("amount", ["VCPU", "VCPU=-1", "vcpu=1", "VCPU=1.5", "=1"])
def test_other_amounts_are_refused(command, amount):
    assert f"Invalid limit '{amount}'" in error(
        command("limits", "set", "p", amount), 2
    )


def test_a_repeated_class_is_refused(command):
    result = command("limits", "set", "p", "VCPU=1", "VCPU=2")

    assert "repeated" in error(result, 2)


def test_unified_limits_are_imported(command, client, saved):
    client.replace_limits("default", {"MEMORY_MB": 1})

    result = command(
        *("limits", "import", saved(REGISTERED, "registered.json")), saved(OWN)
    )

    assert rows(result) == [
        ["default", "20", "VCPU"],
        ["default", "10", "consumers"],
        ["p", "50", "VCPU"],
        ["p", "9007199254740991", "consumers"],
    ]
    assert result.stderr == "Not imported: server_groups, servers of a domain.\n"
    assert [(each.project_id, each.limits) for each in client.get_all_limits()] == [
        ("default", {"VCPU": 20, "consumers": 10}),
        ("p", {"VCPU": 50, "consumers": 2**53 - 1}),
    ]


def test_a_dry_run_changes_nothing(command, client, saved):
    assert rows(command("limits", "import", saved(REGISTERED), "--dry-run"))
    assert list(client.get_all_limits()) == []


def test_limits_of_several_regions_need_a_choice(command, client, saved):
    path = saved([*OWN, OWN[0] | {"Resource Limit": 7, "Region ID": "two"}])

    assert "--region" in error(command("limits", "import", path), 2)
    assert list(client.get_all_limits()) == []
    assert command("limits", "import", path, "--region", "two").exit_code == 0
    assert client.get_limits("p").limits == {"VCPU": 7}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "not a JSON list"),
        ([1], "not an object"),
        ([{"Resource Name": "servers"}], "Resource Limit"),
        ([{"Resource Name": "servers", "Default Limit": True}], "Resource Limit"),
        ([{"Resource Name": "servers", "Default Limit": -2}], "less than -1"),
    ],
)
def test_other_documents_are_refused(command, saved, document, message):
    assert message in error(command("limits", "import", saved(document)), 2)


def test_a_file_that_is_no_json_is_refused(command, tmp_path):
    path = tmp_path / "limits.json"
    path.write_text("+----+")

    assert "not JSON" in error(command("limits", "import", str(path)), 2)
