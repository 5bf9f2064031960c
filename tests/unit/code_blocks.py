"""What is wrong with the code blocks of documents, without running them."""

import configparser
import functools
import json
import re
from collections.abc import Callable, Collection, Iterator

import sqlglot
import yaml
from oslo_config import generator

from tests.unit import documents, shell_commands

DEPLOY = documents.ROOT / "deploy"
_SHELLS = {"bash", "sh"}
# Lines after a prompt, and those that continue them.
_TYPED = re.compile(r"^\$ .*\n(?:> .*\n)*", re.M)
# Sections of the files of other programs, such as systemd.
_FOREIGN_SECTIONS = {
    *("Install", "Service", "Socket", "Unit"),
    *("databases", "galera", "mariadb", "mysqld", "pgbouncer", "users", "uwsgi"),
}


def errors(block: documents.Block, functions: Collection[str] = ()) -> Iterator[str]:
    """Yield what is wrong with a block, also that nothing checks its language.

    Configuration of other programs is that of a file in deploy/, which has tests.
    ``functions`` are those that its commands can call.
    """
    if block.language in {"console", *_SHELLS}:
        yield from shell_commands.errors(script(block), functions)
    elif block.language in _CHECKS:
        yield from _CHECKS[block.language](block.text)
    elif not is_deployed(block.text):
        yield f"no check for blocks of {block.language!r}, and not in a file of deploy/"


def _nothing(text: str) -> Iterator[str]:
    """Accept output, and what the tests of ``api-ref/`` send."""
    yield from ()


def _json(text: str) -> Iterator[str]:
    try:
        json.loads(text)
    except ValueError as wrong:
        yield str(wrong)


def _yaml(text: str) -> Iterator[str]:
    try:
        list(yaml.safe_load_all(text))
    except yaml.YAMLError as wrong:
        yield str(wrong)


def _python(text: str) -> Iterator[str]:
    try:
        compile(text, "block", "exec")
    except SyntaxError as wrong:
        yield str(wrong)


def _nginx(text: str) -> Iterator[str]:
    """Check that directives end, and that blocks do."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    yield from (
        f"not ended: {line}" for line in lines if line and line[-1] not in "{};"
    )
    if text.count("{") != text.count("}"):
        yield "a block has no end"


def _sql(text: str) -> Iterator[str]:
    """Accept statements of PostgreSQL. Of ALTER, only the first word is known."""
    try:
        sqlglot.parse(text, dialect="postgres")
    except sqlglot.ParseError as wrong:
        yield str(wrong)


def _ini(text: str) -> Iterator[str]:
    """Accept options that exist, and the sections of other programs."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error as wrong:
        yield str(wrong)
    sections = {section: set(parser[section]) for section in parser.sections()}
    if parser.defaults():
        sections["DEFAULT"] = set(parser.defaults())
    for section in sections.keys() - options().keys() - _FOREIGN_SECTIONS:
        yield f"there is no section {section}"
    for section in sections.keys() & options().keys():
        for option in sections[section] - options()[section] - parser.defaults().keys():
            yield f"[{section}] has no option {option}"


@functools.cache
def options() -> dict[str, set[str]]:
    """Return the options that the service and its libraries read, by group."""
    found: dict[str, set[str]] = {}
    namespaces = ["placement.conf", "keystonemiddleware.auth_token", "oslo.log"]
    for _, groups in generator._list_opts([*namespaces, "oslo.policy"]):
        for group, each in groups:
            names = found.setdefault(str(group or "DEFAULT"), set())
            names.update(option.dest for option in each)
            names.update(old.name for option in each for old in option.deprecated_opts)
    # Of the plugins of keystoneauth1.
    found["keystone_authtoken"] |= {
        *("auth_url", "username", "password", "project_name", "user_domain_name"),
        *("project_domain_name", "user_domain_id", "project_domain_id"),
    }
    return found


def is_deployed(text: str) -> bool:
    """Return whether the lines of a block are in a file of deploy/, indented or not."""
    wanted = _stripped(text)
    files = (path for path in DEPLOY.rglob("*") if path.is_file())
    return any(wanted in _stripped(path.read_text(errors="replace")) for path in files)


def _stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def script(block: documents.Block) -> str:
    """Return the commands of a block, without prompts and what they print."""
    if block.language == "console":
        return re.sub("^[$>] ", "", "".join(_TYPED.findall(block.text)), flags=re.M)
    return block.text if block.language in _SHELLS else ""


_CHECKS: dict[str | None, Callable[[str], Iterator[str]]] = {
    "http request": _nothing,
    "http response": _nothing,
    "ini": _ini,
    "json": _json,
    "nginx": _nginx,
    "python": _python,
    "sql": _sql,
    "text": _nothing,
    "yaml": _yaml,
}
