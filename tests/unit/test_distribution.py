"""Two distributions of Placement in one environment."""

import importlib.metadata

import click.testing
import pytest

from placement import distribution, exception, wsgi
from placement.cmd import manage, status
from placement.cmd.placement import placement

SENTENCE = (
    "openstack-placement is installed in the same environment as "
    "standalone-placement, and each overwrites files of the other. Uninstall both, "
    "then install the one to use: pip uninstall openstack-placement "
    "standalone-placement"
)


@pytest.fixture
def _beside_another(tmp_path, monkeypatch):
    """Install the metadata of the other distribution."""
    record = tmp_path / "site" / "openstack_placement-16.0.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: openstack-placement\nVersion: 16.0.0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PLACEMENT_STATE_DIR", str(tmp_path / "state"))


def test_one_distribution_is_accepted():
    distribution.require_sole()

    assert importlib.metadata.version(distribution.NAME)


@pytest.mark.usefixtures("_beside_another")
def test_the_application_refuses_to_start():
    with pytest.raises(exception.ConfigurationError) as refused:
        wsgi.init_application()

    assert str(refused.value) == SENTENCE


@pytest.mark.usefixtures("_beside_another")
@pytest.mark.parametrize(
    ("program", "argv", "exit_status"),
    [(manage, ["db", "version"], 1), (status, ["upgrade", "check"], 255)],
)
def test_a_command_refuses_to_start(program, argv, exit_status, capsys):
    assert program.main(argv) == exit_status
    assert capsys.readouterr().err == f"{program.PROGRAM}: {SENTENCE}\n"


@pytest.mark.usefixtures("_beside_another")
def test_the_server_refuses_to_start(tmp_path):
    done = click.testing.CliRunner().invoke(placement, ["serve"])

    assert done.exit_code == 1
    assert done.stderr == f"Error: {SENTENCE}\n"
    assert not (tmp_path / "state").exists()
