"""Commands in documents: they exist, and have the options that are given.

Nothing is run. Commands of this project are parsed by click or argparse.
"""

import argparse
import configparser
import importlib.util
import os
import re
import shlex
import subprocess
import tomllib
import types
import typing
from collections.abc import Collection, Iterator, Sized

import click

from placement.cmd import manage, status
from placement.cmd.placement import placement
from tests.unit import documents

_PROJECT = tomllib.loads((documents.ROOT / "pyproject.toml").read_text())["project"]
_EXTRAS = _PROJECT["optional-dependencies"].keys()

# Programs of other projects, and of the shell.
PROGRAMS = {
    *(".", "a2enmod", "a2ensite", "apachectl", "apt-get", "awk", "base64", "cat"),
    *("cd", "chgrp", "chmod", "chown", "cp", "createdb", "createuser", "curl"),
    *("cut", "date", "diff", "docker", "dropdb", "echo", "env", "exit", "export"),
    *("find", "git", "grep", "gunicorn", "haproxy", "head", "helm", "id", "initdb"),
    *("install", "journalctl", "jq", "kill", "kubectl", "less", "ln", "ls"),
    *("mariadb", "mariadb-backup", "mariadb-dump", "mkdir", "mkdocs", "mktemp"),
    *("mv", "nginx", "nohup", "openssl", "openstack", "oslo-config-generator"),
    *("oslopolicy-sample-generator", "pg_basebackup", "pg_ctl", "pg_dump"),
    *("pg_restore", "pgbouncer", "pip", "podman", "printf", "prometheus"),
    *("promtool", "ps", "psql", "python", "python3", "read", "rm", "runuser"),
    *("sed", "set", "sleep", "socat", "sort", "source", "sqlite3", "ss", "ssh", "stat"),
    *("systemctl", "systemd-analyze", "tail", "tar", "tee", "test", "timeout"),
    *("touch", "true", "umask", "uniq", "unset", "useradd", "uuidgen", "uwsgi"),
    *("wait", "wc", "xargs"),
}
_KEYWORDS = {"!", "do", "done", "else", "exec", "fi", "if", "sudo", "then", "time"}
_KEYWORDS |= {"until", "while", "{", "}"}
_ENDS_COMMAND = re.compile(r"[();|&\n]+")
_FUNCTION = re.compile(r"^\s*(\w+)\(\) \{", re.M)
_REDIRECTION = re.compile(r"[<>&]*[<>]+[&|]*")
_ASSIGNMENT = re.compile(r"\w+=")
_HERE_DOCUMENT = re.compile(r"(<<-?\s*['\"]?(\w+)['\"]?.*?)\n.*?^\s*\2$", re.M | re.S)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.M)


def functions(text: str) -> set[str]:
    """Return the names of the functions that a script defines."""
    return set(_FUNCTION.findall(text))


def errors(text: str, defined: Collection[str] = ()) -> Iterator[str]:
    """Yield what is wrong with the commands of a shell script.

    ``defined`` are the functions that it can call.
    """
    checked = subprocess.run(
        ["bash", "-n"], input=text, capture_output=True, text=True, check=False
    )
    if checked.returncode:
        yield checked.stderr
        return
    for words in commands(text):
        if words[0] not in defined:
            yield from _command_errors(words)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command, without its redirections."""
    text = _HERE_DOCUMENT.sub(r"\1", text.replace("\\\n", " "))
    text = _COMMENT.sub("", text)
    while found := _SUBSTITUTION.search(text):
        yield from commands(found[1])
        text = f"{text[: found.start()]}SUBSTITUTED{text[found.end() :]}"
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    lexer.commenters = ""
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    words: list[str] = []
    is_file = False
    for token in lexer:
        if _REDIRECTION.fullmatch(token):
            # The number of a file descriptor precedes it.
            if words and words[-1].isdigit():
                words.pop()
            is_file = True
        elif is_file:
            is_file = False
        elif _ENDS_COMMAND.fullmatch(token):
            yield from _with_name(words)
            words = []
        else:
            words.append(token)
    yield from _with_name(words)


def _with_name(words: list[str]) -> Iterator[list[str]]:
    """Yield a command from its name on, without assignments and keywords."""
    while words and (words[0] in _KEYWORDS or _ASSIGNMENT.match(words[0])):
        words = words[1:]
    if words and words[0] not in {"for", "case", "esac"}:
        yield words


def _command_errors(words: list[str]) -> Iterator[str]:
    name, *arguments = words
    match name.rpartition("/")[2] if name.startswith((".venv/", "/")) else name:
        case "placement":
            yield from _click_errors(placement, arguments)
        case "placement-manage":
            yield from _argparse_errors(manage, arguments)
        case "placement-status":
            yield from _argparse_errors(status, arguments)
        case "tox":
            yield from _tox_errors(arguments)
        case "pip":
            for extra in re.findall(r"\.\[(\w+)\]", " ".join(arguments)):
                if extra not in _EXTRAS:
                    yield f"there is no extra {extra}"
        case "python" if arguments[:1] == ["-m"]:
            if importlib.util.find_spec(arguments[1]) is None:
                yield f"there is no module {arguments[1]}"
        case path if "/" in path:
            if not os.access(documents.ROOT / path, os.X_OK):
                yield f"{path} is not a program of the repository"
        case program if program not in PROGRAMS:
            yield f"unknown command {program}"


def _tox_errors(arguments: list[str]) -> Iterator[str]:
    tox = configparser.ConfigParser()
    tox.read(documents.ROOT / "tox.ini")
    match arguments:
        case ["-e", name, *_] if f"testenv:{name}" in tox:
            pass
        case _:
            yield f"tox.ini has no environment for {arguments}"


def _click_errors(command: click.Command, arguments: list[str]) -> Iterator[str]:
    context = click.Context(command, info_name=command.name)
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(arguments))
    except click.UsageError as wrong:
        yield f"{command.name}: {wrong.format_message()}"
        return
    if "help" in given:
        return
    if isinstance(command, click.Group):
        yield from _subcommand_errors(command, context, rest)
        return
    if rest:
        yield f"{command.name}: unexpected arguments {rest}"
    for parameter in command.params:
        value = given.get(parameter.name or "")
        if parameter.required and not (isinstance(value, Sized) and value):
            yield f"{command.name}: {parameter.name} is missing"
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            try:
                parameter.type.convert(value, parameter, context)
            except click.UsageError as wrong:
                yield f"{command.name}: {wrong.format_message()}"


def _subcommand_errors(
    group: click.Group, context: click.Context, arguments: list[str]
) -> Iterator[str]:
    if not arguments:
        # A text may name a group.
        return
    found = group.get_command(context, arguments[0])
    if found is None:
        yield f"{group.name} has no command {arguments[0]}"
    else:
        yield from _click_errors(found, arguments[1:])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        raise argparse.ArgumentError(None, message)


def _argparse_errors(module: types.ModuleType, arguments: list[str]) -> Iterator[str]:
    parser = _Parser(prog=module.PROGRAM, exit_on_error=False)
    parser.add_argument("--config-file")
    parser.add_argument("--config-dir")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--version", action="store_true")
    module._add_commands(parser.add_subparsers())
    try:
        parser.parse_args(arguments)
    except argparse.ArgumentError as wrong:
        yield f"{module.PROGRAM}: {wrong}"
