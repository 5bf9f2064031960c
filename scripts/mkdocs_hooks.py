"""Hooks of MkDocs: the pages of the site, and the references made from the code.

The paths of the site are those of the repository, so a link between two Markdown files
works on a code host and in the site.
"""

import argparse
import collections.abc
import contextlib
import importlib
import io
import pathlib
import re
import warnings

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from oslo_config import cfg

from placement import conf
from placement.cmd.placement import placement

PROGRAM = "placement"
ROOT = pathlib.Path(__file__).parents[1]
# What the pages of the site are, and what they link to.
PATTERNS = (
    *("*.md", "LICENSE", "api-ref/*.md", "benchmarks/README.md"),
    *("deploy/**/*", "docs/**/*", "etc/placement/*", "examples/*", "scripts/*"),
)
# Files with another path than in the repository, because they would be index.html.
_DESTINATIONS = {"docs/index.md": "index.html", "README.md": "README.html"}

_WIDTH = 80

# A library that the commands import uses what Python 3.13 removes.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="webob")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the repository that belong to the site."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for path in site_files():
        uri = path.relative_to(ROOT).as_posix()
        files.append(
            File(
                uri,
                str(ROOT),
                config.site_dir,
                config.use_directory_urls,
                dest_uri=_DESTINATIONS.get(uri),
            )
        )
    return files


def site_files() -> list[pathlib.Path]:
    """Return the files of the repository that belong to the site."""
    found = {path for pattern in PATTERNS for path in ROOT.glob(pattern)}
    return sorted(
        path for path in found if path.is_file() and "__pycache__" not in path.parts
    )


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Insert a reference where a page has ``<!-- reference: NAME -->``."""
    return re.sub(
        r"^<!-- reference: (\S+) -->$",
        lambda found: _REFERENCES[found[1]](),
        markdown,
        flags=re.M,
    )


def options() -> str:
    """Return the options by group: name, type, default, help."""
    return "\n".join(_options())


def _options() -> collections.abc.Iterator[str]:
    # [DEFAULT] has little that people set, so it comes last.
    for group, found in sorted(conf.list_opts(), key=lambda each: each[0] == "DEFAULT"):
        name = group if isinstance(group, str) else group.name
        title = "" if isinstance(group, str) else f"{group.title}.\n"
        yield f"## [{name}]\n\n{title}"
        for option in found:
            yield f"### {option.name} {{ #{name.lower()}-{option.name} }}\n"
            yield f"{_type(option)}, default {_default(option)}\n"
            yield f"{_escaped(option.help or '')}\n"
            for value, meaning in _choices(option):
                yield f"- `{value}`: {_escaped(meaning)}"
            yield ""


def _type(option: cfg.Opt) -> str:
    kind: str = option.type.type_name.removesuffix(" value")
    bounds = [
        f"{word} {bound:,}"
        for word, bound in (
            ("at least", getattr(option.type, "min", None)),
            ("at most", getattr(option.type, "max", None)),
        )
        if bound is not None
    ]
    return ", ".join([kind.capitalize(), *bounds])


def _default(option: cfg.Opt) -> str:
    value = option.default if option.sample_default is None else option.sample_default
    match value:
        case None:
            return "not set"
        case "":
            return "empty"
        case bool():
            return f"`{str(value).lower()}`"
        case list():
            return f"`{','.join(value)}`"
    return f"`{value}`"


def _choices(option: cfg.Opt) -> collections.abc.Iterable[tuple[str, str]]:
    found: dict[str, str] = getattr(option.type, "choices", None) or {}
    return found.items()


def _escaped(text: str) -> str:
    """Escape what Markdown would interpret, except code."""
    return re.sub(r"([\\*_<\[])(?=(?:[^`]*`[^`]*`)*[^`]*$)", r"\\\1", text)


def commands() -> str:
    """Return the help of ``placement`` and of each of its commands."""
    return "\n".join(
        _section(context.command_path, context.get_help())
        for context in contexts(placement)
    )


def contexts(
    command: click.Command, parent: click.Context | None = None
) -> collections.abc.Iterator[click.Context]:
    """Yield a context of a command, then those of its subcommands."""
    name = command.name if parent else PROGRAM
    context = click.Context(
        command, parent, name, terminal_width=_WIDTH, **command.context_settings
    )
    yield context
    if isinstance(command, click.Group):
        for each in sorted(command.list_commands(context)):
            found = command.get_command(context, each)
            assert found is not None
            yield from contexts(found, context)


def program(name: str) -> str:
    """Return the help of a program and of each of its commands."""
    module = importlib.import_module(f"placement.cmd.{name.partition('-')[2]}")
    sections = []
    parser = argparse.ArgumentParser()
    module._add_commands(parser.add_subparsers())
    for command in ["", *_subcommands(parser)]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            module.main([*command.split(), "--help"])
        sections.append(_section(f"{name} {command}".strip(), printed.getvalue()))
    return "\n".join(sections)


def _subcommands(
    parser: argparse.ArgumentParser, parent: str = ""
) -> collections.abc.Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                yield f"{parent}{name}"
                yield from _subcommands(each, f"{parent}{name} ")


def _section(title: str, text: str) -> str:
    # The page has the headings of the programs.
    heading = f"### {title}\n\n" if " " in title else ""
    return f"{heading}```text\n{text.strip()}\n```\n"


_REFERENCES: dict[str, collections.abc.Callable[[], str]] = {
    "options": options,
    "placement": commands,
    "placement-manage": lambda: program("placement-manage"),
    "placement-status": lambda: program("placement-status"),
}
