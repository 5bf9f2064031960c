"""Metrics in one process, and shared by several."""

import os
import pathlib
import subprocess
import sys

import pytest

from placement import exception, metrics
from placement.metrics import store, text


def value(shown, series):
    """Return the value of a series in the text format; None if it is missing."""
    for line in shown.splitlines():
        name, _, number = line.rpartition(" ")
        if name == series:
            return float(number)
    return None


def rendered():
    return text.render(is_openmetrics=False).decode()


def test_names_are_unique():
    names = [each.name for each in metrics.INSTRUMENTS]

    assert len(set(names)) == len(names)


def test_known_labels_are_shown_before_anything_has_happened():
    program = (
        "from placement.metrics import text\n"
        "print(text.render(is_openmetrics=False).decode())\n"
    )
    shown = run(program)

    assert value(shown, 'placement_claims_total{operation="put",result="ok"}') == 0
    assert value(shown, 'placement_searches_total{result="gave_up"}') == 0
    assert value(shown, 'db_client_connection_count{state="idle"}') == 0
    assert "_created" not in shown
    for instrument in metrics.INSTRUMENTS:
        assert f"# HELP {instrument.name} {instrument.text}" in shown


def test_the_version_is_shown():
    assert '\nplacement_build_info{version="' in rendered()


def test_openmetrics_ends_with_eof():
    shown = text.render(is_openmetrics=True).decode()

    assert shown.endswith("# EOF\n")
    assert "# TYPE placement_claims counter" in shown


@pytest.mark.parametrize(
    ("method", "label"), [("GET", "GET"), ("get", "_OTHER"), ("X" * 100, "_OTHER")]
)
def test_unknown_methods_share_a_label(method, label):
    assert metrics.method_label(method) == label


# Several processes; the last one ends without a chance to clean up.
SHARING = """
import os
import signal
from placement import metrics
from placement.metrics import text
metrics.start()
metrics.CLAIMS.inc("put", "ok")
metrics.CONNECTIONS.inc("used")
for number in range(2):
    if os.fork() == 0:
        metrics.CLAIMS.inc("put", "ok")
        metrics.SEARCH_SECONDS.observe(0.002)
        metrics.SEARCH_SECONDS.observe(100)
        metrics.CONNECTIONS.inc("used")
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
print(text.render(is_openmetrics=False).decode())
"""


def run(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def test_counters_of_dead_processes_stay_and_their_connections_do_not(tmp_path):
    shown = run(SHARING, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))

    assert value(shown, 'placement_claims_total{operation="put",result="ok"}') == 3
    name = "placement_search_duration_seconds"
    assert value(shown, f"{name}_count") == 4
    assert value(shown, f"{name}_sum") == pytest.approx(200.004)
    assert value(shown, f'{name}_bucket{{le="0.001"}}') == 0
    assert value(shown, f'{name}_bucket{{le="0.0025"}}') == 2
    assert value(shown, f'{name}_bucket{{le="30.0"}}') == 2
    assert value(shown, f'{name}_bucket{{le="+Inf"}}') == 4
    assert value(shown, 'db_client_connection_count{state="used"}') == 1
    assert '\nplacement_build_info{version="' in shown


FULL = """
from placement import metrics
from placement.metrics import text
for number in range(5000):
    metrics.REQUESTS.observe(0.1, "GET", f"/{number}", "200")
    metrics.CLAIMS.inc("put", "ok")
print(text.render(is_openmetrics=False).decode())
"""


def test_series_without_room_are_left_out():
    shown = run(FULL)

    assert value(shown, 'placement_claims_total{operation="put",result="ok"}') == 5000
    count = "http_server_request_duration_seconds_count{"
    assert 1000 < shown.count(count) < 3000


def test_a_line_that_a_killed_process_has_not_finished_is_ignored():
    own = store.Store()
    own.allocate(("a", ("b",)), 1)
    own.allocate(("c", ()), 1)

    found = list(store.series(own.content()[:-1]))

    assert found == [(("a", ("b",)), [0.0])]


def test_a_missing_directory_is_refused_at_start(monkeypatch, tmp_path):
    monkeypatch.setenv(store.DIRECTORY_VARIABLE, str(tmp_path / "missing"))

    with pytest.raises(exception.ConfigurationError, match="missing, which is not"):
        metrics.start()


def test_the_directory_is_made_and_emptied(monkeypatch, tmp_path):
    # Restored after the test.
    monkeypatch.setenv(store.DIRECTORY_VARIABLE, "replaced")
    directory = tmp_path / "[1]" / "metrics"
    directory.mkdir(parents=True)
    for name in ("1-2.metrics", "kept.txt"):
        (directory / name).touch()

    store.prepare(str(directory))

    assert [path.name for path in directory.iterdir()] == ["kept.txt"]
    assert os.environ[store.DIRECTORY_VARIABLE] == str(directory)
    assert pathlib.Path(directory).stat().st_mode & 0o777
