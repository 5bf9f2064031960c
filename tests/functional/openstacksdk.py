"""Run the functional tests of openstacksdk for Placement against this service.

    python -m tests.functional.openstacksdk [ARGUMENTS OF PYTEST]

They are those in its package on PyPI, unchanged. The service is asked with tokens of
a real Keystone, which is installed like openstacksdk, in an environment of its own.
Ends with the exit status of pytest.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import uuid

import requests

from placement import client
from tests.servers import databases, keystone, programs, server, virtualenvs

REQUIREMENTS = pathlib.Path(__file__).with_name("openstacksdk-requirements.txt")
TESTS = "openstack.tests.functional.placement"

# Names under which the tests expect an administrator.
CLOUDS = ("devstack", "devstack-alt", "devstack-admin", "devstack-system-admin")


def main(arguments: list[str]) -> int:
    """Run the tests with their servers; return pytest's exit status."""
    python = virtualenvs.installed("openstacksdk", REQUIREMENTS)
    with (
        tempfile.TemporaryDirectory(prefix="placement-openstacksdk-") as made,
        keystone.running() as identity,
        databases.SqliteFiles(pathlib.Path(made)).new() as url,
        server.processes(url, options=_options(identity)) as service,
    ):
        identity.create_endpoint("placement", service.url)
        _add_server(identity, service.url)
        directory = pathlib.Path(made)
        (directory / "clouds.yaml").write_text(json.dumps(_clouds(identity)))
        return subprocess.run(
            [
                python,
                *["-m", "pytest", "-p", "no:cacheprovider", "--pyargs"],
                TESTS,
                *arguments,
            ],
            cwd=directory,
            env=programs.environment(directory) | {"OS_TEST_TIMEOUT": "60"},
            check=False,
        ).returncode


def _options(identity: keystone.Keystone) -> dict[str, dict[str, str]]:
    return {
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": {
            "auth_url": identity.url,
            "auth_type": "password",
            "username": keystone.ADMIN,
            "password": identity.password,
            "project_name": keystone.ADMIN_PROJECT,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
    }


def _add_server(identity: keystone.Keystone, url: str) -> None:
    """Add a hypervisor and a server on it, of the administrator.

    The tests expect candidates, and usages of the project: of a project without any,
    the library makes one usage without a consumer type, which its own test refuses.
    """
    project = {"name": keystone.ADMIN_PROJECT, "domain": {"id": keystone.DOMAIN}}
    token = identity.token(identity.admin_identity(), {"project": project})
    described = requests.get(
        f"{identity.url}/v3/auth/tokens",
        headers={"X-Auth-Token": token, "X-Subject-Token": token},
        timeout=keystone.REQUEST_SECONDS,
    ).json()["token"]
    api = client.Client.connect(url, token)
    host = api.create_provider("hypervisor")
    offered = {"VCPU": client.Inventory(8), "MEMORY_MB": client.Inventory(4096)}
    api.replace_inventories(host.uuid, client.Inventories(host.generation, offered))
    group = client.RequestGroup(resources={"VCPU": 1, "MEMORY_MB": 512})
    (candidate,) = api.get_candidates([group], limit=1).requests
    api.claim(
        str(uuid.uuid4()),
        candidate,
        project_id=described["project"]["id"],
        user_id=described["user"]["id"],
        consumer_type="INSTANCE",
    )


def _clouds(identity: keystone.Keystone) -> dict[str, dict[str, object]]:
    cloud = {
        "auth": {
            "auth_url": f"{identity.url}/v3",
            "username": keystone.ADMIN,
            "password": identity.password,
            "project_name": keystone.ADMIN_PROJECT,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
        # The tests would pick a flavor and an image.
        "has_compute": False,
        "has_image": False,
    }
    return {"clouds": dict.fromkeys(CLOUDS, cloud)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
