"""Choose the account of a database server, which must not be root."""

import contextlib
import os
import pathlib
import pwd
import typing


class MissingError(Exception):
    """This machine cannot run a kind of server."""


class Account(typing.NamedTuple):
    """The ids of a user and a group."""

    user: int
    group: int


def for_server(name: str) -> Account | None:
    """Return the account to run a server as; None if it is the current one.

    The servers refuse to run as root, which runs them as ``name`` or else as nobody.
    Raises MissingError if neither account exists.
    """
    if os.geteuid() != 0:
        return None
    for each in (name, "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(each)
            return Account(found.pw_uid, found.pw_gid)
    raise MissingError(f"there is no account {name} or nobody to run a server as")


def options(account: Account | None) -> dict[str, typing.Any]:
    """Return the arguments of ``subprocess`` for an account."""
    if account is None:
        return {}
    return {"user": account.user, "group": account.group, "extra_groups": []}


def give(directory: pathlib.Path, account: Account | None) -> None:
    """Make the account the owner of a directory and of everything in it."""
    if account is not None:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, account.user, account.group)
