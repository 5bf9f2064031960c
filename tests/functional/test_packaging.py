"""The sdist and the wheel are complete, and work where they are installed."""

import email
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import typing
import zipfile

import pytest

from tests.servers import configuration, programs
from tests.unit import in_process

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "bin" / "placement-api"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Files in a checkout that are not distributed.
IGNORED = shutil.ignore_patterns(
    ".git", ".gitignore", ".venv", ".tox", ".hypothesis", ".*_cache", "__pycache__",
    "*.egg-info", "*.pyc", "build", "dist", "site",
)  # fmt: skip

BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, sys.argv[1])(sys.argv[2])
"""

# Lists providers, creates one with an inventory, and makes a claim.
SCHEDULER = """
import importlib.util
import sys

from placement import client

for library in ("sqlalchemy", "flask", "webob", "werkzeug", "oslo_config", "requests"):
    assert importlib.util.find_spec(library) is None, library
api = client.Client.connect(sys.argv[1], "admin")
assert list(api.get_providers()) == []
host = api.create_provider("host")
api.replace_inventories(
    host.uuid, client.Inventories(host.generation, {"VCPU": client.Inventory(total=8)})
)
group = client.RequestGroup(resources={"VCPU": 2})
(candidate,) = api.get_candidates([group], limit=1).requests
consumer = "c1f7a2be-2f3d-4a5c-8b6e-1e5a7c2b8d01"
assert api.claim(
    consumer, candidate, project_id="p", user_id="u", consumer_type="INSTANCE"
)
print(api.get_allocations(consumer).by_provider[host.uuid])
"""

# Serves one request while the libraries named in the arguments cannot be imported.
BARE_SERVER = """
import runpy
import sys

for name in sys.argv[2:]:
    sys.modules[name] = None  # An import of it fails.
if sys.argv[1] == "placement.wsgi.api":
    from placement.wsgi.api import application
else:
    application = runpy.run_path(sys.argv[1], run_name="wsgi_file")["application"]
import webob

request = webob.Request.blank("/traits", headers={"X-Auth-Token": "admin"})
request.headers["OpenStack-API-Version"] = "placement 1.6"
print(request.get_response(application).status)
"""


class Built(typing.NamedTuple):
    """The files of one release."""

    sdist: pathlib.Path
    wheel: pathlib.Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the sdist from a copy of the checkout, and the wheel from the sdist."""
    directory = tmp_path_factory.mktemp("packaging")
    checkout = directory / "checkout"
    shutil.copytree(ROOT, checkout, ignore=IGNORED)
    programs.run(checkout, sys.executable, "-c", BUILD, "build_sdist", str(directory))
    (sdist,) = directory.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(directory / "unpacked", filter="data")
    (source,) = (directory / "unpacked").iterdir()
    programs.run(source, sys.executable, "-c", BUILD, "build_wheel", str(directory))
    (wheel,) = directory.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def bare_venv(built: Built, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A virtual environment with the wheel and without its dependencies."""
    directory = tmp_path_factory.mktemp("bare") / "venv"
    parent = directory.parent
    programs.run(parent, sys.executable, "-m", "venv", "--without-pip", directory)
    programs.run(
        parent,
        *(sys.executable, "-m", "pip", "--python", directory / "bin" / "python"),
        *("install", "--quiet", "--no-deps", "--no-index", built.wheel),
    )
    return directory


def files(directory: pathlib.Path) -> set[str]:
    """Return the files of a directory of the checkout that can be distributed."""
    found = set()
    for path, directories, names in os.walk(directory):
        ignored = IGNORED(path, [*directories, *names])
        directories[:] = set(directories) - ignored
        here = pathlib.Path(path).relative_to(ROOT)
        found |= {str(here / name) for name in set(names) - ignored}
    return found


def metadata(wheel: pathlib.Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_sdist_has_every_file_of_the_checkout(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = [m.name.partition("/")[2] for m in archive if m.isfile()]

    assert files(ROOT) - set(names) == set()
    added = set(names) - files(ROOT)
    assert {n for n in added if ".egg-info/" not in n} == {"PKG-INFO", "setup.cfg"}


def test_the_wheel_has_the_package_and_its_data_files(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    package = {name for name in names if name.startswith("placement/")}
    release = f"standalone_placement-{PROJECT['version']}"

    assert package == files(ROOT / "placement")
    beside = {n for n in names - package if not n.startswith(f"{release}.dist-info/")}
    assert beside == {
        f"{release}.data/data/etc/placement/placement.conf.sample",
        f"{release}.data/data/etc/placement/policy.yaml.sample",
        f"{release}.data/scripts/placement-api",
    }


def test_links_in_the_description_are_absolute(built: Built) -> None:
    described = metadata(built.wheel)
    text = typing.cast(str, described.get_payload())

    assert described["Description-Content-Type"] == "text/markdown"
    # The README has links to files, which are named instead.
    assert "(api-ref/index.md)" in (ROOT / "README.md").read_text()
    assert "API reference (`api-ref/index.md`)" in text
    assert re.findall(r"\]\((?!https:|#)[^)]*\)", text) == []
    urls = [url.split(", ")[1] for url in described.get_all("Project-URL", [])]
    assert urls
    assert all(url.startswith("https://") for url in urls)


def test_a_client_needs_no_other_package(
    bare_venv: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    python = bare_venv / "bin" / "python"
    with in_process.serving(in_process.application(tmp_path)) as url:
        said = programs.run(tmp_path, python, "-c", SCHEDULER, url)

    assert "'VCPU': 2" in said


@pytest.mark.parametrize("entry", ["placement.wsgi.api", str(SCRIPT)])
def test_the_application_needs_no_optional_library(
    entry: str, tmp_path: pathlib.Path
) -> None:
    """Neither libraries of the commands nor those of extras."""
    options = {"placement_database": {"sync_on_startup": "true"}}
    configuration.write(tmp_path, f"sqlite:///{tmp_path / 'placement.db'}", options)
    unused = ["gunicorn", "rich", "pymysql", "keystonemiddleware"]
    unused += ["keystoneauth1", "memcache", "requests", "fixtures", "wsgi_intercept"]

    said = programs.run(tmp_path, sys.executable, "-c", BARE_SERVER, entry, *unused)

    assert said.splitlines()[-1] == "200 OK"


def test_installed_files_are_at_their_usual_paths(bare_venv: pathlib.Path) -> None:
    script = bare_venv / "bin" / "placement-api"
    samples = bare_venv / "etc" / "placement"

    assert script.read_text().startswith(f"#!{bare_venv / 'bin' / 'python'}")
    assert {path.name for path in samples.iterdir()} == {
        "placement.conf.sample",
        "policy.yaml.sample",
    }


def test_the_script_explains_its_use_when_run_by_hand(bare_venv: pathlib.Path) -> None:
    done = subprocess.run(
        [bare_venv / "bin" / "placement-api"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("placement-api is a WSGI script")
    assert "placement serve" in done.stderr
