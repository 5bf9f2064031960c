"""Run a real Keystone on SQLite, from a cached virtual environment."""

import collections.abc
import configparser
import contextlib
import dataclasses
import json
import os
import pathlib
import secrets
import tempfile
import typing

import requests

from tests.servers import ports, programs, server, startup, virtualenvs

REQUIREMENTS = pathlib.Path(__file__).with_name("keystone-requirements.txt")
REQUEST_SECONDS = 30

DOMAIN = "default"
ADMIN = "admin"
ADMIN_PROJECT = "admin"
_ADMIN_SCOPE = {"project": {"name": ADMIN_PROJECT, "domain": {"id": DOMAIN}}}

# Runs commands of keystone-manage, and then requests a token with a lifetime of zero
# from the application. The processes are forks, because imports take seconds.
_PREPARE = """
import json, os, sys
from keystone.cmd import cli
from keystone.server.flask import core
config, commands, request = sys.argv[1:]
for command in json.loads(commands):
    child = os.fork()
    if not child:
        cli.main(argv=["keystone-manage", "--config-file", config, *command])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, command
os.environ["OS_TOKEN__EXPIRATION"] = "0"
# The application parses the command line of its process.
del sys.argv[1:]
from keystone.wsgi.api import application
from werkzeug.test import Client
answer = Client(application).post("/v3/auth/tokens", json=json.loads(request))
assert answer.status_code == 201, answer.text
print(answer.headers["X-Subject-Token"])
"""

Document = dict[str, typing.Any]


class Refused(Exception):
    """Keystone has refused a request."""


@dataclasses.dataclass(frozen=True)
class User:
    """A user with a password."""

    id: str
    name: str
    password: str

    @property
    def identity(self) -> Document:
        """The ``identity`` object of a token request of the user."""
        user = {"id": self.id, "password": self.password}
        return {"methods": ["password"], "password": {"user": user}}


class Keystone:
    """A Keystone at ``url``, managed with the token of its administrator.

    ``expired_token`` is another token of the administrator.
    """

    def __init__(self, url: str, password: str, expired_token: str) -> None:
        self.url = url
        self.password = password
        self.expired_token = expired_token
        self._token = ""
        self._token = self.token(self.admin_identity(), _ADMIN_SCOPE)
        listed = self._request("GET", "/roles").json()["roles"]
        self._roles: dict[str, str] = {role["name"]: role["id"] for role in listed}

    def admin_identity(self) -> Document:
        """Return the ``identity`` object of a token request of the administrator."""
        return _admin_identity(self.password)

    def token(self, identity: Document, scope: Document | None = None) -> str:
        """Return a new token; ``scope`` is an object of the Identity API."""
        answer = self._request("POST", "/auth/tokens", _asked(identity, scope))
        return answer.headers["X-Subject-Token"]

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        self._request("DELETE", "/auth/tokens", headers={"X-Subject-Token": token})

    def create_project(self, name: str) -> str:
        """Create a project; return its id."""
        made = self._post("/projects", "project", name=name, domain_id=DOMAIN)
        return typing.cast(str, made["id"])

    def create_role(self, name: str) -> None:
        """Create a role without implied roles."""
        made = self._post("/roles", "role", name=name)
        self._roles[name] = made["id"]

    def create_user(self, name: str) -> User:
        """Create a user without roles."""
        password = secrets.token_hex()
        made = self._post(
            "/users", "user", name=name, domain_id=DOMAIN, password=password
        )
        return User(made["id"], name, password)

    def grant(self, user: User, role: str, target: str = "") -> None:
        """Grant a role on the system, or on ``projects/<id>`` or ``domains/<id>``."""
        path = f"{target or 'system'}/users/{user.id}/roles/{self._roles[role]}"
        self._request("PUT", f"/{path}")

    def create_application_credential(
        self, user: User, project_id: str, **more: typing.Any
    ) -> Document:
        """Create an application credential; return its ``identity`` object.

        ``more`` has members of the Identity API, such as ``access_rules``.
        """
        given = {"name": secrets.token_hex(8), **more}
        if "roles" in given:
            given["roles"] = [{"name": name} for name in given["roles"]]
        answer = self._request(
            "POST",
            f"/users/{user.id}/application_credentials",
            {"application_credential": given},
            {"X-Auth-Token": self.token(user.identity, project(project_id))},
        )
        made = answer.json()["application_credential"]
        return {
            "methods": ["application_credential"],
            "application_credential": {"id": made["id"], "secret": made["secret"]},
        }

    def create_endpoint(self, service_type: str, url: str) -> None:
        """Add a service with a public endpoint to the catalog."""
        made = self._post("/services", "service", type=service_type, name=service_type)
        self._post(
            "/endpoints",
            "endpoint",
            service_id=made["id"],
            interface="public",
            url=url,
        )

    def _post(self, path: str, kind: str, **members: str) -> Document:
        answer = self._request("POST", path, {kind: members})
        return typing.cast(Document, answer.json()[kind])

    def _request(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        answer = requests.request(
            method,
            f"{self.url}/v3{path}",
            json=body,
            headers={"X-Auth-Token": self._token, **(headers or {})},
            timeout=REQUEST_SECONDS,
        )
        if not answer.ok:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer


def project(project_id: str) -> Document:
    """Return the scope of a project."""
    return {"project": {"id": project_id}}


def _admin_identity(password: str) -> Document:
    user = {"name": ADMIN, "domain": {"id": DOMAIN}, "password": password}
    return {"methods": ["password"], "password": {"user": user}}


def _asked(identity: Document, scope: Document | None) -> Document:
    wanted = {"identity": identity}
    return {"auth": wanted if scope is None else wanted | {"scope": scope}}


@startup.repeated
@contextlib.contextmanager
def running() -> collections.abc.Iterator[Keystone]:
    """Run a new Keystone until the block ends, and remove it.

    Raises virtualenvs.MissingError if it cannot be installed, RuntimeError with the
    output of its programs if they fail.
    """
    python = virtualenvs.installed("keystone", REQUIREMENTS)
    with tempfile.TemporaryDirectory(prefix="placement-keystone-") as made:
        directory = pathlib.Path(made)
        port = ports.free_port()
        url = f"http://{ports.HOST}:{port}"
        password = secrets.token_hex()
        _configure(directory)
        expired = _prepare(directory, python, url, password)
        # In a file, because Keystone parses the command line of gunicorn as its own.
        (directory / "gunicorn.conf.py").write_text(
            f"wsgi_app = 'keystone.wsgi.api:application'\n"
            f"bind = '{ports.HOST}:{port}'\n"
            "worker_class = 'gthread'\n"
            "threads = 4\n"
        )
        command = (python, "-m", "gunicorn")
        # The version document at / has the status 300, which urllib treats as an error.
        with server.listening(command, directory, _environment(directory), f"{url}/v3"):
            yield Keystone(url, password, expired)


def _configure(directory: pathlib.Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(
        {
            "DEFAULT": {"use_stderr": "true"},
            "database": {"connection": f"sqlite:///{directory}/keystone.db"},
            # Without a cache, each request sends a hundred queries.
            "cache": {"enabled": "true", "backend": "oslo_cache.dict"},
            # A cache would delay revocations.
            "token": {"caching": "false"},
            "revoke": {"caching": "false"},
            "fernet_tokens": {"key_repository": str(directory / "fernet")},
            "credential": {"key_repository": str(directory / "credential")},
            # The minimum, for speed.
            "identity": {"password_hash_rounds": "4"},
        }
    )
    with open(directory / "keystone.conf", "w") as file:
        parser.write(file)
    for name in ("fernet", "credential"):
        (directory / name).mkdir(mode=0o700)


def _account() -> tuple[str, ...]:
    """Return the options for the owner of the keys, which root has to name."""
    if os.geteuid() != 0:
        return ()
    return "--keystone-user", "root", "--keystone-group", "root"


def _prepare(
    directory: pathlib.Path, python: pathlib.Path, url: str, password: str
) -> str:
    """Create the database, the keys and the administrator; return an expired token."""
    commands = [
        ["db_sync"],
        ["fernet_setup", *_account()],
        [
            "bootstrap",
            *("--bootstrap-password", password),
            *("--bootstrap-public-url", f"{url}/v3"),
            *("--bootstrap-internal-url", f"{url}/v3"),
        ],
    ]
    output = programs.run(
        directory,
        python,
        *("-c", _PREPARE, directory / "keystone.conf"),
        *(
            json.dumps(commands),
            json.dumps(_asked(_admin_identity(password), _ADMIN_SCOPE)),
        ),
        variables=_variables(directory),
    )
    return output.split()[-1]


def _environment(directory: pathlib.Path) -> dict[str, str]:
    return programs.environment(directory) | _variables(directory)


def _variables(directory: pathlib.Path) -> dict[str, str]:
    return {
        "OS_KEYSTONE_CONFIG_DIR": str(directory),
        # Deprecation warnings of its libraries.
        "PYTHONWARNINGS": "ignore",
    }
