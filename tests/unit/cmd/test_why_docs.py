"""The examples of docs/why-no-candidates.md are what the command prints."""

import pathlib
import re
import shlex

import pytest

from placement.client import Inventories, Inventory, ProviderTraits

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "why-no-candidates.md"
TEXT = PAGE.read_text()

EXAMPLES = re.findall(r"```console\n\$ placement (.*)\n((?:.*\n)*?)```", TEXT)
HOSTS = re.findall(r"\| (compute-\d) \| (\d+) \| (\d+) \| (\w*) ?\|", TEXT)


@pytest.fixture
def cloud(command, client):
    """Create the hosts of the page, and claim what they have in use."""
    for name, total, used, trait in HOSTS:
        host = client.create_provider(name)
        offer = {"VCPU": Inventory(total=int(total))}
        client.replace_inventories(host.uuid, Inventories(0, offer))
        client.replace_provider_traits(
            host.uuid, ProviderTraits(1, {trait} if trait else set())
        )
        if int(used):
            claimed = command("claim", f"VCPU={used}", "--in-tree", name)
            assert claimed.exit_code == 0, claimed.stderr


def test_the_page_has_a_cloud_and_examples():
    assert len(HOSTS) == 4
    assert len(EXAMPLES) == 2


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(("arguments", "expected"), EXAMPLES)
def test_an_example_prints_what_the_page_shows(command, arguments, expected):
    result = command(*shlex.split(arguments))

    assert result.exit_code == 0, result.stderr
    assert result.stdout == expected


@pytest.mark.usefixtures("cloud")
def test_the_line_of_the_log_is_what_the_page_shows(client, caplog):
    caplog.set_level("INFO", "placement.candidates.explain.empty")
    client.get_candidates_by_query("resources=VCPU:8&required=HW_CPU_X86_AVX2")

    (record,) = [each for each in caplog.records if "explain" in each.name]
    assert f"\n{record.getMessage()}\n" in TEXT
