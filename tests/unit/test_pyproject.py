"""The metadata of the package."""

import pathlib
import re
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OLDEST = ROOT / "tests" / "oldest-requirements.txt"


def floors(requirements):
    """Return the lowest release by name, without our own extras."""
    found = (re.fullmatch(r"([\w.-]+)(?:\[.*\])?>=([\d.]+)", r) for r in requirements)
    return {each[1].lower(): release(each[2]) for each in found if each}


def release(text):
    return tuple(int(part) for part in re.sub(r"(\.0)+$", "", text).split("."))


def test_the_lowest_allowed_releases_are_tested():
    pins = (line.partition("==") for line in OLDEST.read_text().splitlines())
    pinned = {name.lower(): release(pin) for name, _, pin in pins if pin}
    installed = [
        *EXTRAS["mysql"],
        *EXTRAS["keystone"],
        *EXTRAS["fixtures"],
        *EXTRAS["otel"],
    ]

    assert pinned == floors([*PROJECT["dependencies"], *installed])


@pytest.mark.parametrize(
    ("extra", "name"),
    [
        ("mysql", "pymysql"),
        ("otel", "opentelemetry-sdk"),
        ("otel", "opentelemetry-exporter-otlp-proto-http"),
        ("keystone", "keystonemiddleware"),
        ("keystone", "python-memcached"),
        ("fixtures", "fixtures"),
        ("fixtures", "wsgi-intercept"),
    ],
)
def test_an_optional_dependency_is_an_extra(extra, name):
    assert name in floors(EXTRAS[extra])
    assert name not in floors(PROJECT["dependencies"])
