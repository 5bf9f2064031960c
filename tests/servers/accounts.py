"""As whom the tests run a database server: never as root."""

import contextlib
import os
import pwd
import typing


class MissingError(Exception):
    """This machine lacks what is needed to run a server of a kind."""


class Account(typing.NamedTuple):
    """What a process that is started becomes, as ``subprocess`` has it."""

    user: int
    group: int


def for_server(name: str) -> Account | None:
    """Return whom to become for a server; None means to stay who one is.

    That is only for root, as whom such servers refuse to run: ``name`` if there is
    such an account, else nobody. Raises MissingError when there is neither.
    """
    if os.geteuid() != 0:
        return None
    for each in (name, "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(each)
            return Account(found.pw_uid, found.pw_gid)
    raise MissingError(f"there is no {name} and no nobody to run a server as")


def options(account: Account | None) -> dict[str, typing.Any]:
    """Return the arguments of ``subprocess`` that make a process run as that."""
    if account is None:
        return {}
    return {"user": account.user, "group": account.group, "extra_groups": []}
