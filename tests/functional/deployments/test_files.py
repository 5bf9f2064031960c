"""The files in ``deploy`` are valid, and name options and paths that exist."""

import pathlib
import re
import subprocess
import sys
import typing

import kubernetes_validate
import pytest
import yaml
from keystoneauth1 import loading
from keystonemiddleware import opts as keystone_options

from placement.conf import find, unknown
from tests.functional.deployments import conftest
from tests.functional.deployments.conftest import DEPLOY, UNITS

MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
BIN = pathlib.Path(sys.executable).parent
GRACE_SECONDS = 30
# systemd-analyze rates the exposure of a unit from 0 to 10.
EXPOSURE_MAX = 1.5


def loaded(path: pathlib.Path) -> typing.Any:
    return yaml.safe_load(path.read_text())


def manifest(kind: str) -> typing.Any:
    (found,) = [each for path in MANIFESTS if (each := loaded(path))["kind"] == kind]
    return found


def configurations() -> list[tuple[str, str]]:
    """Return the texts of all configuration files, with their names."""
    samples = (DEPLOY / "placement.conf", DEPLOY / "secret.conf")
    data = manifest("ConfigMap")["data"]
    return [*((path.name, path.read_text()) for path in samples), *data.items()]


@pytest.mark.parametrize(
    "text",
    [text for _, text in configurations()],
    ids=["sample", "secret", "ConfigMap"],
)
def test_a_configuration_has_valid_options(text: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "placement.conf"
    path.write_text(text)
    config = find.command_config(["--config-file", str(path)])

    assert unknown.names(config) == []
    known = {
        opt.dest for _, opts in keystone_options.list_auth_token_opts() for opt in opts
    }
    plugin = loading.get_plugin_loader("password")
    known |= {opt.dest for opt in loading.get_auth_plugin_conf_options(plugin)}
    known |= {"auth_type"}
    section = re.search(r"\[keystone_authtoken\]\n(.*?)(?:\n\n|\Z)", text, re.S)
    assert section is not None
    names = re.findall(r"^(\w+) =", section[1], re.M)
    assert names
    assert set(names) <= known


def test_options_in_the_compose_file_exist() -> None:
    config = find.command_config([])
    environment = loaded(DEPLOY / "compose.yaml")["services"]["placement"][
        "environment"
    ]

    for name in environment:
        group, _, option = name.removeprefix("OS_").lower().partition("__")
        assert option in config[group]


def run(
    *words: str | pathlib.Path, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words, input=text, capture_output=True, text=True, check=False
    )


def test_the_container_file_has_no_findings() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()

    done = run(BIN / "hadolint", "-", text=text)
    broken = run(BIN / "hadolint", "-", text=text.replace(":${PYTHON}-slim", ""))

    assert (done.returncode, done.stdout) == (0, "")
    assert broken.returncode == 1


@pytest.mark.parametrize(
    "path",
    [path for path in MANIFESTS if path.stem != "kustomization"],
    ids=lambda p: p.stem,
)
def test_a_manifest_follows_the_schema_of_its_kind(path: pathlib.Path) -> None:
    kubernetes_validate.validate(loaded(path), "1.31", strict=True)


def test_the_compose_file_follows_its_schema() -> None:
    options = ("--builtin-schema", "vendor.compose-spec")

    done = run(BIN / "check-jsonschema", *options, DEPLOY / "compose.yaml")

    assert done.returncode == 0, done.stdout


def test_kustomize_lists_all_manifests() -> None:
    others = {path.name for path in MANIFESTS} - {"kustomization.yaml"}

    assert set(manifest("Kustomization")["resources"]) == others


def pod_specs() -> list[typing.Any]:
    return [
        manifest(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")
    ]


def test_containers_have_no_privileges() -> None:
    for spec in pod_specs():
        assert spec["securityContext"]["runAsNonRoot"]
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert context["capabilities"] == {"drop": ["ALL"]}
    service = loaded(DEPLOY / "compose.yaml")["services"]["placement"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_pods_have_what_their_volumes_name() -> None:
    data = manifest("ConfigMap")["data"]
    for spec in pod_specs():
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        mounts = spec["containers"][0]["volumeMounts"]
        assert {mount["name"] for mount in mounts} == set(volumes)
        config, secret = volumes["configuration"]["projected"]["sources"]
        assert config["configMap"]["name"] == manifest("ConfigMap")["metadata"]["name"]
        paths = {item["path"] for item in secret["secret"]["items"]}
        assert paths == {"placement.conf.d/secret.conf", "metrics-token"}
    assert "token_file = /etc/placement/metrics-token" in data["placement.conf"]


def test_probes_and_ports_belong_together() -> None:
    (container,) = manifest("Deployment")["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    (at,) = [word for word in container["args"] if ":" in word]

    assert at == f"0.0.0.0:{port['containerPort']}"
    for name, path in (
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ):
        assert container[name]["httpGet"] == {"path": path, "port": port["name"]}
    (service,) = manifest("Service")["spec"]["ports"]
    assert (service["port"], service["targetPort"]) == (8778, port["name"])
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("Service")["spec"]["selector"].items() <= labels.items()


def test_servers_have_time_for_requests_in_progress() -> None:
    spec = manifest("Deployment")["spec"]["template"]["spec"]
    pause = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    service = loaded(DEPLOY / "compose.yaml")["services"]["placement"]

    assert spec["terminationGracePeriodSeconds"] > pause + GRACE_SECONDS
    assert int(service["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS
    for path in UNITS:
        (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.M)
        assert int(seconds) > GRACE_SECONDS


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_hardened(pytestconfig: pytest.Config, path: pathlib.Path) -> None:
    conftest.require(pytestconfig, "systemd-analyze")
    if "--offline" not in run("systemd-analyze", "--help").stdout:
        pytest.skip("this release of systemd-analyze cannot rate a file")

    done = run("systemd-analyze", "security", "--offline=true", path)

    (level,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(level) <= EXPOSURE_MAX


def test_promtool_accepts_the_configuration_of_prometheus(
    pytestconfig: pytest.Config, tmp_path: pathlib.Path
) -> None:
    conftest.require(pytestconfig, "promtool")
    # The rules are at another path in the container.
    text = (DEPLOY / "compose" / "prometheus.yml").read_text()
    path = tmp_path / "prometheus.yml"
    path.write_text(text.replace("/etc/prometheus/", f"{DEPLOY}/"))

    done = run("promtool", "check", "config", path)

    assert done.returncode == 0, done.stderr
    assert "rules found" in done.stdout
    jobs = {job["job_name"]: job for job in loaded(path)["scrape_configs"]}
    # The names that the alerts have.
    assert set(jobs) == {"placement", "placement-providers"}


def test_the_compose_file_mounts_files_that_exist() -> None:
    services = loaded(DEPLOY / "compose.yaml")["services"]
    sources = [
        volume.split(":")[0]
        for service in services.values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]

    assert len(sources) == 5
    assert all((DEPLOY / source).exists() for source in sources)
    context = DEPLOY / services["migration"]["build"]["context"]
    assert (context / services["migration"]["build"]["dockerfile"]).is_file()


def test_the_page_installs_the_samples_where_they_are_tested() -> None:
    text = (DEPLOY.with_name("docs") / "deployment.md").read_text()
    lines = re.findall(r"^install .*(deploy/\S+) (\S+)$", text, re.M)
    installed = {
        source: f"{target}{pathlib.Path(source).name}" if target[-1] == "/" else target
        for source, target in lines
    }

    # Apache's drop-in, the two configuration files, and the units.
    assert len(installed) == len(conftest.INSTALLED) + 3 + len(UNITS)
    for source, target in installed.items():
        path = DEPLOY.parent / source
        assert path.is_file()
        # A file that has a comment says the same.
        if source.endswith((".service", ".conf", ".ini")):
            assert target in path.read_text()
    for source, target in conftest.INSTALLED.items():
        assert installed[f"deploy/{source}"] == target
