"""Alert rules and the dashboard name existing metrics, which Prometheus scrapes."""

import collections.abc
import functools
import json
import pathlib
import re
import shutil
import subprocess
import typing

import httpx
import pytest
import yaml

from placement import metrics
from placement.metrics.instrument import Histogram
from placement.web import provider_metrics
from tests import waiting
from tests.servers import ports, server
from tests.servers.plugin import skip_missing

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "alerts.yaml"
DASHBOARD = DEPLOY / "dashboard.json"
PAGE = DEPLOY.with_name("docs") / "monitoring.md"
# The parts of an expression that name labels.
_LABELS = re.compile(r"\{[^}]*\}|(?:by|on) \([^)]*\)")
_NAME = re.compile(r"\b[a-z_]+(?:_[a-z_]+)+\b|\bup\b")
_FUNCTIONS = {"histogram_quantile"}


def alert_rules() -> list[dict[str, typing.Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[dict[str, typing.Any]] = group["rules"]
    return rules


def panel_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def existing() -> set[str]:
    """Return the names of all series, and of what Prometheus adds."""
    names = {"up", metrics.BUILD_INFO, *provider_metrics.GAUGES}
    for each in metrics.INSTRUMENTS:
        suffixes = (
            ("_bucket", "_count", "_sum") if isinstance(each, Histogram) else ("",)
        )
        names.update(each.name + suffix for suffix in suffixes)
    return names


@pytest.mark.parametrize(
    "expression", [*(rule["expr"] for rule in alert_rules()), *panel_expressions()]
)
def test_an_expression_names_metrics_that_exist(expression: str) -> None:
    names = set(_NAME.findall(_LABELS.sub("", expression))) - _FUNCTIONS

    assert names
    assert names <= existing()


@pytest.mark.parametrize("each", metrics.INSTRUMENTS, ids=lambda each: each.name)
def test_the_dashboard_shows_every_metric(each: metrics.Counter) -> None:
    assert any(each.name in expression for expression in panel_expressions())


@pytest.mark.parametrize("each", metrics.INSTRUMENTS, ids=lambda each: each.name)
def test_the_page_lists_every_metric_with_its_labels(each: metrics.Counter) -> None:
    lines = PAGE.read_text().splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{each.name}` |")]
    values = {value for labels in each.known for value in labels}

    assert {*each.labels, *values} - {metrics.OPEN} <= set(re.findall("`(.+?)`", row))


def test_the_page_lists_every_alert() -> None:
    text = PAGE.read_text()

    assert all(f"`{rule['alert']}`" in text for rule in alert_rules())


def test_every_alert_says_what_is_wrong() -> None:
    names = [rule["alert"] for rule in alert_rules()]

    assert len(set(names)) == len(names) == 10
    assert all(rule["annotations"]["summary"] for rule in alert_rules())


def program(request: pytest.FixtureRequest, name: str) -> str:
    found = shutil.which(name)
    if found is None:
        skip_missing(request.config, "prometheus", f"no program {name} found")
    return found


def test_promtool_accepts_the_rules_and_the_dashboard(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> None:
    promtool = program(request, "promtool")
    # The expressions of the dashboard as rules, which promtool can check.
    rules = [
        {"record": f"panel_{number}", "expr": expression}
        for number, expression in enumerate(panel_expressions())
    ]
    dashboard = tmp_path / "dashboard.yaml"
    dashboard.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": rules}]}))

    for path in (ALERTS, dashboard):
        subprocess.run([promtool, "check", "rules", path], check=True)


CONFIGURATION = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
rule_files: ["{rules}"]
scrape_configs:
- job_name: placement
  authorization: {{credentials_file: {token}}}
  static_configs: [{{targets: ["{target}"]}}]
- job_name: placement-providers
  metrics_path: /metrics/providers
  authorization: {{credentials_file: {token}}}
  static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.fixture
def prometheus(
    request: pytest.FixtureRequest,
    tmp_path: pathlib.Path,
    database_url: str,
) -> collections.abc.Iterator[str]:
    """Prometheus, which scrapes a running server; yields its URL."""
    found = program(request, "prometheus")
    token = tmp_path / "token"
    token.write_text("secret\n")
    options = {"metrics": {"access": "token", "token_file": token}}
    with server.processes(database_url, workers=1, options=options) as running:
        configuration = tmp_path / "prometheus.yml"
        target = running.url.removeprefix("http://")
        configuration.write_text(
            CONFIGURATION.format(rules=ALERTS, token=token, target=target)
        )
        url = f"http://{ports.HOST}:{ports.free_port()}"
        command = [
            found,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={url.removeprefix('http://')}",
        ]
        with server.listening(command, tmp_path, {}, url):
            yield url


@pytest.mark.any_database
def test_prometheus_scrapes_a_running_server(prometheus: str) -> None:
    wanted = [
        "placement_build_info",
        "placement_claims_total",
        "openstack_placement_up",
    ]

    for query in wanted:
        waiting.until(functools.partial(results, prometheus, query), lambda: wanted)
    assert {each["value"][1] for each in results(prometheus, "up")} == {"1"}


def results(prometheus: str, query: str) -> list[typing.Any]:
    """Return what Prometheus has of a query; empty before the first scrape."""
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query})
    found: list[typing.Any] = answer.json()["data"]["result"]
    return found
