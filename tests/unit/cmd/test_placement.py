"""The output and exit status of the command ``placement``."""

import json
import pathlib
import random
import subprocess
import sys
import uuid

import pytest

from placement.client import CODES, AllocationRequest, Client, Inventories, Inventory
from placement.cmd import host
from placement.cmd.candidates import groups_served
from tests.unit import in_process
from tests.unit.cmd.conftest import add_host, recorded_requests
from tests.unit.host import machines


def error(result, status):
    """Return the message of a command that failed with this status."""
    assert result.exit_code == status
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: ")
    assert "Traceback" not in result.stderr
    return lines[-1]


class TestCandidates:
    def test_the_default_output_is_a_table(self, command, hosts):
        result = command("candidates", "VCPU=1", "MEMORY_MB:8")

        assert result.exit_code == 0
        assert "one" in result.stdout
        assert "two" in result.stdout
        assert "MEMORY_MB 8" in result.stdout
        assert "0 of 64" in result.stdout

    def test_json_has_the_candidates(self, command, hosts):
        document = json.loads(command("candidates", "VCPU=2", "--json").stdout)

        assert document["allocation_requests"] == [
            {
                "allocations": {hosts.two: {"resources": {"VCPU": 2}}},
                "mappings": {"": [hosts.two]},
            }
        ]
        assert document["provider_summaries"] == {
            hosts.two: {
                "resources": {
                    "VCPU": {"capacity": 2, "used": 0},
                    "MEMORY_MB": {"capacity": 64, "used": 0},
                },
                "traits": [],
                "parent_provider_uuid": None,
                "root_provider_uuid": hosts.two,
            }
        }

    def test_a_table_in_a_pipe_is_not_truncated(self, command, client, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.setenv("FORCE_COLOR", "1")
        name = "[bold]:smile: " + "long " * 30 + "end"
        provider = client.create_provider(name)
        offer = {"CUSTOM_" + "X" * 100: Inventory(total=2**31 - 1)}
        client.create_resource_class(*offer)
        client.replace_inventories(provider.uuid, Inventories(0, offer))

        for arguments in (["candidates", f"{next(iter(offer))}=1"], ["show"]):
            lines = command(*arguments).stdout.splitlines()

            assert any(name in line and provider.uuid in line for line in lines)
            assert any(f"{next(iter(offer))} " in line for line in lines)
            assert any("0 of 2147483647" in line for line in lines)
            assert "…" not in "".join(lines)
            assert all(len(line) < 600 for line in lines)

    @pytest.mark.parametrize("option", ["--in-tree", "--group"])
    @pytest.mark.parametrize("by", ["child", "two", "uuid"])
    def test_in_tree_takes_a_name_or_uuid(self, command, client, hosts, option, by):
        client.create_provider("child", parent_uuid=hosts.two)
        wanted = hosts.two if by == "uuid" else by
        given = {
            "--in-tree": ["VCPU=1", "--in-tree", wanted],
            "--group": ["--group", f"_A:resources=VCPU=1;in_tree={wanted}"],
        }

        result = command("candidates", *given[option], "--json")

        [found] = json.loads(result.stdout)["allocation_requests"]
        assert list(found["allocations"]) == [hosts.two]
        assert command("claim", *given[option]).exit_code == 0

    @pytest.mark.parametrize("wanted", ["nobody", str(uuid.UUID(int=1))])
    def test_an_unknown_in_tree_is_an_error(self, command, hosts, wanted):
        result = command("candidates", "VCPU=1", "--in-tree", wanted)

        assert f"No provider has the name or uuid {wanted}" in error(result, 1)

    def test_limit_limits_the_candidates(self, command, hosts):
        result = command("candidates", "VCPU=1", "--json", "--limit", "1")

        assert len(json.loads(result.stdout)["allocation_requests"]) == 1

    def test_suffixed_groups_are_shown(self, command, hosts):
        result = command("candidates", "--group", "_A:resources=VCPU=2")

        assert "_A" in result.stdout

    def test_no_candidates_exit_with_1(self, command, hosts):
        assert "No candidates" in error(command("candidates", "VCPU=3"), 1)

    def test_no_candidates_are_an_empty_list_in_json(self, command, hosts):
        result = command("candidates", "VCPU=3", "--json")

        assert result.exit_code == 1
        assert json.loads(result.stdout)["allocation_requests"] == []

    def test_an_unknown_class_is_a_usage_error(self, command):
        result = command("candidates", "CUSTOM_NO_SUCH=1")

        assert "No such resource class CUSTOM_NO_SUCH" in error(result, 2)

    def test_resources_are_required(self, command):
        assert "Specify resources" in error(command("candidates"), 2)

    def test_the_names_of_all_providers_are_read_with_one_request(
        self, command, client, monkeypatch, hosts
    ):
        requests = recorded_requests(client, monkeypatch)

        result = command("candidates", "VCPU=1")

        assert "one" in result.stdout
        assert "two" in result.stdout
        assert requests[1:] == ["POST /-/v1/providers:query"]

    def test_the_unsuffixed_group_is_displayed_by_a_name(self):
        request = AllocationRequest({}, {"": ("p",), "_A": ("p",), "_B": ("q",)})

        assert groups_served(request, "p") == "(unsuffixed), _A"


class TestClaim:
    def test_claim_prints_the_consumer_and_its_allocations(
        self, command, client, hosts
    ):
        result = command("claim", "VCPU=2")

        assert result.exit_code == 0
        consumer, got = result.stdout.splitlines()
        assert got == f"  VCPU 2 of two ({hosts.two})"
        held = client.get_allocations(consumer)
        assert held.by_provider == {hosts.two: {"VCPU": 2}}
        assert (held.project_id, held.user_id) == ("default", "default")
        assert held.consumer_type == "INSTANCE"

    def test_options_describe_the_consumer(self, command, client, hosts):
        consumer = str(uuid.uuid4())
        result = command(
            *("claim", "VCPU=1", "--consumer", consumer, "--project", "p"),
            *("--user", "u", "--type", "VOLUME", "--json"),
        )

        assert json.loads(result.stdout)["consumer"] == consumer
        held = client.get_allocations(consumer)
        assert (held.project_id, held.user_id) == ("p", "u")
        assert held.consumer_type == "VOLUME"

    def test_claims_fail_if_no_capacity_is_free(self, command, hosts):
        for _ in range(3):
            assert command("claim", "VCPU=1").exit_code == 0

        assert "No candidates" in error(command("claim", "VCPU=1"), 1)

    def test_the_next_candidate_is_tried_after_a_conflict(
        self, command, client, hosts, monkeypatch
    ):
        taken = []
        claim = Client.claim

        def claim_first(self, consumer, request, **owner):
            if not taken:
                taken.append(request)
                assert claim(client, str(uuid.uuid4()), request, **owner)
            return claim(self, consumer, request, **owner)

        monkeypatch.setattr(Client, "claim", claim_first)

        result = command("claim", "MEMORY_MB=64", "--json")

        assert result.exit_code == 0
        got = json.loads(result.stdout)["allocations"]
        assert got.keys() | taken[0].by_provider.keys() == {hosts.one, hosts.two}
        assert got.keys() != taken[0].by_provider.keys()

    def test_concurrent_claims_rarely_conflict(self, command, client, monkeypatch):
        for number in range(30):
            add_host(client, f"host-{number}", 1)
        found = client.get_candidates_by_query("resources=VCPU:1")
        monkeypatch.setattr(Client, "get_candidates_by_query", lambda *_: found)
        tried = []
        claim = Client.claim

        def counting(self, *arguments, **owner):
            tried.append(arguments)
            return claim(self, *arguments, **owner)

        monkeypatch.setattr(Client, "claim", counting)
        random.seed(19)
        for _ in range(8):
            assert command("claim", "VCPU=1").exit_code == 0

        # In the order of the search there would be 1 + 2 + ... + 8 = 36 attempts.
        assert len(tried) <= 8 + 3

    def test_candidates_of_a_file_are_claimed_in_order(self, command, client, tmp_path):
        for number in range(10):
            add_host(client, f"host-{number}", 1)
        stored = tmp_path / "answer.json"
        stored.write_text(command("candidates", "VCPU=1", "--json").stdout)
        requests = json.loads(stored.read_text())["allocation_requests"]

        for request in requests[:3]:
            result = command("claim", "--from", str(stored), "--json")
            assert json.loads(result.stdout)["allocations"] == request["allocations"]

    def test_other_claims_can_take_all_candidates(
        self, command, client, hosts, tmp_path
    ):
        stored = tmp_path / "answer.json"
        stored.write_text(command("candidates", "VCPU=1", "--json").stdout)
        for _ in range(3):
            assert command("claim", "VCPU=1").exit_code == 0

        result = command("claim", "--from", str(stored))

        assert "All 2 candidates were taken by other claims" in error(result, 1)

    def test_a_candidate_of_a_file_is_claimed(self, command, hosts, tmp_path):
        answer = command("candidates", "VCPU=2", "--json").stdout
        stored = tmp_path / "answer.json"
        stored.write_text(answer)
        [one] = json.loads(answer)["allocation_requests"]

        first = command("claim", "--from", str(stored))
        second = command("claim", "--from", "-", input=json.dumps(one))

        assert first.exit_code == 0
        assert "The candidate was taken by another claim" in error(second, 1)

    def test_a_consumer_with_allocations_is_not_changed(self, command, client, hosts):
        consumer = command("claim", "VCPU=1").stdout.split()[0]
        before = client.get_allocations(consumer)

        result = command("claim", "MEMORY_MB=8", "--consumer", consumer)

        assert "already has allocations" in error(result, 1)
        assert client.get_allocations(consumer) == before

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", "1", '{"allocations": {"u": 1}}', '{"allocations": 1}']
    )
    def test_a_file_without_a_candidate_is_a_usage_error(self, command, text):
        result = command("claim", "--from", "-", input=text)

        assert "allocation_requests" in error(result, 2)

    def test_an_amount_that_never_fits_is_a_usage_error(self, command, hosts):
        candidate = {"allocations": {hosts.one: {"resources": {"VGPU": 1}}}}

        result = command("claim", "--from", "-", input=json.dumps(candidate))

        assert "VGPU" in error(result, 2)

    @pytest.mark.parametrize("arguments", [[], ["VCPU=1", "--from", "-"]])
    def test_resources_and_a_file_are_mutually_exclusive(self, command, arguments):
        assert "--from" in error(command("claim", *arguments, input="{}"), 2)


class TestRelease:
    def test_release_deletes_the_allocations(self, command, client, hosts):
        consumer = command("claim", "VCPU=2").stdout.split()[0]

        assert command("release", consumer).exit_code == 0

        assert client.get_allocations(consumer).by_provider == {}

    def test_a_consumer_without_allocations_is_an_error(self, command):
        consumer = str(uuid.uuid4())

        assert consumer in error(command("release", consumer), 1)

    def test_the_consumer_must_be_a_uuid(self, command):
        error(command("release", "me"), 2)


class TestShow:
    @pytest.fixture
    def tree(self, client, hosts):
        client.create_provider("child", parent_uuid=hosts.two)

    @pytest.mark.usefixtures("tree")
    def test_the_default_output_has_trees_and_bars(self, command):
        command("claim", "VCPU=2")

        lines = command("show").stdout.splitlines()

        assert [line.split()[0] for line in lines if "-" in line][:2] == ["one", "two"]
        assert any("VCPU" in line and "2 of 2" in line for line in lines)
        assert "child" in lines[-1]

    @pytest.mark.usefixtures("tree")
    def test_json_has_the_trees(self, command, hosts):
        command("claim", "VCPU=2")

        one, two = json.loads(command("show", "--json").stdout)

        assert (one["name"], one["uuid"], one["traits"]) == ("one", hosts.one, [])
        vcpu = two["inventories"]["VCPU"]
        assert (vcpu["total"], vcpu["capacity"], vcpu["used"]) == (2, 2, 2)
        assert [child["name"] for child in two["children"]] == ["child"]

    @pytest.mark.usefixtures("tree")
    @pytest.mark.parametrize("by", ["child", "two", "uuid"])
    def test_a_provider_selects_its_tree(self, command, hosts, by):
        wanted = hosts.two if by == "uuid" else by

        trees = json.loads(command("show", wanted, "--json").stdout)

        assert [tree["name"] for tree in trees] == ["two"]

    def test_all_trees_are_read_with_one_request(
        self, command, client, monkeypatch, hosts
    ):
        requests = recorded_requests(client, monkeypatch)

        trees = json.loads(command("show", "--json").stdout)

        assert [tree["uuid"] for tree in trees] == [hosts.one, hosts.two]
        assert requests == ["GET /-/v1/providers"]

    def test_an_unknown_provider_is_an_error(self, command):
        assert "nobody" in error(command("show", "nobody"), 1)

    def test_without_providers_it_prints_a_hint(self, command):
        result = command("show")

        assert result.exit_code == 0
        assert "no providers yet" in result.stdout


class TestHost:
    @pytest.fixture(autouse=True)
    def machine(self, tmp_path, monkeypatch):
        monkeypatch.setattr(host, "_ROOT", machines.two_nodes(tmp_path / "machine"))

    def test_report_prints_the_changes(self, command, client):
        result = command(
            *("host", "report", "--name", "h", "--vcpu-ratio", "4"),
            *("--trait", "CUSTOM_FAST"),
        )

        assert result.exit_code == 0
        assert "h: VCPU added: total 4" in result.stdout.splitlines()
        [provider] = client.get_providers(name="h")
        offered = client.get_inventory(provider.uuid, "VCPU")
        assert (offered.total, offered.allocation_ratio) == (4, 4.0)
        assert "CUSTOM_FAST" in client.get_provider_traits(provider.uuid).names

    def test_a_second_run_changes_nothing(self, command):
        command("host", "report", "--name", "h")

        again = command("host", "report", "--name", "h")

        assert again.stdout == "h: nothing to change\n"
        assert command("host", "report", "--name", "h", "--json").stdout == "[]\n"

    def test_numa_reports_the_nodes(self, command):
        result = command("host", "report", "--name", "h", "--numa", "--json")

        changes = json.loads(result.stdout)
        assert {"provider": "h_NUMA_1", "what": "created"} in changes

    def test_the_default_name_is_the_host_name(self, command, client, monkeypatch):
        monkeypatch.setattr(host.socket, "gethostname", lambda: "me.example")

        command("host", "report")

        assert [provider.name for provider in client.get_providers()] == ["me.example"]

    def test_the_default_disk_is_that_of_the_state_directory(
        self, command, tmp_path, monkeypatch
    ):
        asked = []
        monkeypatch.setattr(host.kernel, "disk_gb", asked.append)

        command("host", "report")
        command("host", "report", "--disk-path", "/srv")

        assert asked == [tmp_path / "state", pathlib.Path("/srv")]

    def test_inventories_with_allocations_are_not_moved(self, command):
        command("host", "report", "--name", "h")
        command("claim", "VCPU=1")

        result = command("host", "report", "--name", "h", "--numa")

        assert "h has allocations" in error(result, 1)

    def test_a_missing_disk_path_is_a_usage_error(self, command, client):
        result = command("host", "report", "--disk-path", "/no/such")

        assert "/no/such" in error(result, 2)
        assert client.get_providers() == []

    def test_a_disk_that_is_too_small_is_an_error(self, command, client, monkeypatch):
        monkeypatch.setattr(host.kernel, "disk_gb", lambda path: None)

        result = command("host", "report", "--disk-path", "/tmp")

        assert "/tmp has less than 1 GiB" in error(result, 1)
        assert client.get_providers() == []

    @pytest.mark.parametrize(
        ("files", "arguments", "sentence"),
        [
            ({}, [], "no CPUs of this machine"),
            ({"proc/cpuinfo": machines.cpuinfo()}, [], "no memory of this machine"),
            (
                {"proc/meminfo": "MemTotal: x kB\n"},
                [],
                "proc/meminfo is malformed",
            ),
            ({}, ["--numa"], "no NUMA nodes"),
            (
                {"sys/devices/system/node/node0/cpulist": "0\n"},
                ["--numa"],
                "no CPUs of the NUMA nodes",
            ),
            (
                {
                    "proc/cpuinfo": machines.cpuinfo(),
                    "sys/devices/system/node/node0/cpulist": "0-3\n",
                },
                ["--numa"],
                "no memory of the NUMA nodes",
            ),
        ],
    )
    def test_missing_kernel_information_is_an_error(
        self, command, client, monkeypatch, tmp_path, files, arguments, sentence
    ):
        root = machines.write(tmp_path / "bare", files)
        monkeypatch.setattr(host, "_ROOT", root)

        assert sentence in error(command("host", "report", *arguments), 1)
        assert client.get_providers() == []

    def test_an_unreadable_kernel_file_is_an_error(self, command, client, monkeypatch):
        (host._ROOT / "proc/meminfo").unlink()
        (host._ROOT / "proc/meminfo").mkdir()

        result = command("host", "report")

        assert "proc/meminfo: Is a directory." in error(result, 1)
        assert client.get_providers() == []

    @pytest.mark.parametrize(
        "arguments", [["--trait", "HW_CPU_X86_AVX"], ["--vcpu-ratio", "0"]]
    )
    def test_invalid_options_are_usage_errors(self, command, client, arguments):
        error(command("host", "report", *arguments), 2)

        assert client.get_providers() == []


class TestJSONFailures:
    """With --json, failures are error documents on standard error."""

    def document(self, result, status):
        assert result.exit_code == status
        [error] = json.loads(result.stderr)["errors"]
        assert error["code"] in CODES
        return error

    def test_an_error_of_the_service(self, command, hosts):
        result = command("candidates", "CUSTOM_NO_SUCH=1", "--json")

        found = self.document(result, 2)
        assert found["status"] == 400
        assert found["detail"].endswith("No such resource class CUSTOM_NO_SUCH.")
        assert found["request_id"].startswith("req-")
        assert result.stdout == ""

    def test_an_error_of_the_command(self, command, hosts):
        result = command("claim", "VCPU=3", "--json")

        assert self.document(result, 1) == {
            "status": None,
            "code": "placement.undefined_code",
            "detail": "No candidates: no provider can serve this request now.",
            "request_id": None,
        }

    @pytest.mark.parametrize(
        "arguments",
        [
            ["candidates", "--json"],
            ["candidates", "--no-such", "--json"],
            ["host", "report", "--json", "--vcpu-ratio", "x"],
            ["no-such", "--json"],
            ["--no-such", "show", "--json"],
            ["--endpoint", "here", "--token", "t", "show", "--json"],
        ],
    )
    def test_a_usage_error(self, bare_command, arguments):
        assert self.document(bare_command(*arguments), 2)["status"] is None

    def test_a_missing_server(self, bare_command):
        found = self.document(bare_command("show", "--json"), 1)

        assert "placement serve" in found["detail"]

    def test_a_rejected_token(self, bare_command):
        def application(environ, start_response):
            start_response("401 Unauthorized", [("Content-Type", "application/json")])
            return [b'{"message": "No token", "code": "401 Unauthorized"}']

        with in_process.serving(application) as url:
            result = bare_command("--endpoint", url, "--token", "t", "show", "--json")

        found = self.document(result, 1)
        assert (found["status"], found["detail"]) == (401, "No token.")


class TestMessages:
    def test_an_html_error_page_is_shown_as_text(self, bare_command):
        def application(environ, start_response):
            start_response("414 URI Too Long", [("Content-Type", "text/html")])
            return [b"<html><body><h1>Too long</h1>5 &gt; 4</body></html>"]

        with in_process.serving(application) as url:
            result = bare_command("--endpoint", url, "--token", "t", "show")

        assert error(result, 1) == "Error: HTTP status 414: Too long 5 > 4."

    def test_a_schema_error_is_one_sentence(self, command):
        result = command("host", "report", "--name", "x" * 201)

        line = error(result, 2)
        assert "too long" in line
        assert "name" in line
        assert "Failed validating" not in line

    def test_a_query_error_does_not_quote_the_schema(self, command):
        result = command("candidates", "--query", "resources=VCPU:1&limit=0")

        line = error(result, 2)
        assert "Failed validating" not in line
        assert "{" not in line


class TestConnection:
    def test_the_server_on_this_machine_is_found(
        self, bare_command, endpoint, tmp_path
    ):
        state = tmp_path / "state"
        state.mkdir()
        (state / "endpoint").write_text(endpoint + "\n")
        (state / "admin-token").write_text("admin\n")

        assert bare_command("show").exit_code == 0

    def test_the_environment_can_name_a_server(
        self, bare_command, endpoint, monkeypatch
    ):
        monkeypatch.setenv("PLACEMENT_ENDPOINT", endpoint)
        monkeypatch.setenv("PLACEMENT_TOKEN", "admin")

        assert bare_command("show").exit_code == 0

    def test_without_a_server_it_fails(self, bare_command):
        assert "placement serve" in error(bare_command("show"), 1)

    def test_an_unreachable_server_is_an_error(self, bare_command):
        arguments = ("--endpoint", "http://127.0.0.1:1", "--token", "t")

        assert "refused" in error(bare_command(*arguments, "show"), 1)

    def test_a_server_that_is_not_placement_is_an_error(self, bare_command):
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<html>"]

        with in_process.serving(application) as url:
            result = bare_command("--endpoint", url, "--token", "t", "show")

        assert "a Placement service" in error(result, 1)

    def test_a_request_denied_by_policy_is_an_error(self, bare_command, endpoint):
        result = bare_command("--endpoint", endpoint, "--token", "nobody", "show")

        assert "Policy does not allow" in error(result, 1)

    def test_the_endpoint_must_be_a_url(self, bare_command):
        result = bare_command("--endpoint", "here", "--token", "t", "show")

        assert "here" in error(result, 2)


class TestUse:
    def test_help_lists_the_commands(self, bare_command):
        result = bare_command("--help")

        assert result.exit_code == 0
        for name in ("candidates", "claim", "host", "release", "serve", "show"):
            assert f"\n  {name} " in result.stdout

    def test_an_unknown_command_is_a_usage_error(self, bare_command):
        assert "nonsense" in error(bare_command("nonsense"), 2)

    def test_help_loads_neither_client_nor_service(self):
        program = (
            "import sys\n"
            "from placement.cmd.placement import placement\n"
            "placement.main(['--help'], standalone_mode=False)\n"
            "heavy = {'rich', 'werkzeug', 'sqlalchemy', 'os_traits'}\n"
            "heavy.add('placement.client')\n"
            "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
        )
        found = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )

        assert found.stderr.strip() == "[]"
