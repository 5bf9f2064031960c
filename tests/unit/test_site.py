"""The documentation builds as a site, with the references made from the code."""

import dataclasses
import html.parser
import os
import pathlib
import re
import subprocess
import sys

import click
import pytest

from placement import client, conf
from placement.cmd.placement import placement
from tests.unit import documents

# Elements whose target a browser requests by itself.
LOADED = {"script", "link", "img", "source", "iframe", "object", "embed"}


class Page(html.parser.HTMLParser):
    """The text of a page, the ids of its elements, and what a browser loads for it."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.text = ""
        self.ids: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.ids.add(named.get("id", ""))
        if tag in LOADED:
            self.loads.update(
                named[name]
                for name in ("src", "srcset", "href", "data")
                if name in named
            )

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The site, built as ``tox -e docs`` builds it."""
    directory = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", directory],
        cwd=documents.ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "warning" not in built.stderr.lower()
    return directory


def test_every_document_has_a_page(site: pathlib.Path) -> None:
    names = {documents.name(page) for page in documents.pages()}
    names -= {name for name in names if name.startswith("tests/")}
    places = {
        "docs/index.md": "index.html",
        "benchmarks/README.md": "benchmarks/index.html",
    }
    places["examples/README.md"] = "examples/index.html"
    pages = [places.get(name, name.replace(".md", ".html")) for name in names]

    assert [page for page in pages if not (site / page).exists()] == []


def test_no_page_loads_anything_from_another_host(site: pathlib.Path) -> None:
    loaded = {target for path in site.rglob("*.html") for target in Page(path).loads}
    styles = "".join(path.read_text() for path in site.rglob("*.css"))

    assert any(target.endswith(".css") for target in loaded)
    assert [target for target in loaded if re.match(r"\w+:|//", target)] == []
    assert re.findall(r"(?:url\(|@import)[\s\"']*(?:https?:|//)[^)]*", styles) == []


def test_the_client_reference_has_everything_public(site: pathlib.Path) -> None:
    ids = Page(site / "docs" / "client.html").ids
    shown = {each.rpartition(".")[2] for each in ids}
    methods = {name for name in dir(client.Client) if not name.startswith("_")}

    fields = {
        f"{name}.{field.name}"
        for name in client.__all__
        if dataclasses.is_dataclass(value := getattr(client, name))
        for field in dataclasses.fields(value)
    }

    assert {*client.__all__, *methods} - shown == set()
    assert fields - {".".join(each.split(".")[-2:]) for each in ids} == set()


def test_the_command_reference_has_every_command_and_option(site: pathlib.Path) -> None:
    page = Page(site / "docs" / "commands.html")
    missing = [
        option
        for path, command in commands(placement, "placement")
        for option in (path, *(o for each in command.params for o in each.opts[:1]))
        if option.startswith(("-", "placement ")) and option not in page.text
    ]

    assert missing == []
    assert {"placement-claim", "placement-consumers-audit"} <= page.ids
    assert {"placement-manage-db-audit", "placement-status-upgrade"} <= page.ids
    assert "--max-count N" in page.text


def commands(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            found.extend(commands(subcommand, f"{path} {name}"))
    return found


def test_the_configuration_reference_has_every_option(site: pathlib.Path) -> None:
    page = Page(site / "docs" / "configuration.html")
    options = {
        f"{str(getattr(group, 'name', group)).lower()}-{option.name}": option
        for group, found in conf.list_opts()
        for option in found
    }

    assert options.keys() - page.ids == set()
    text = " ".join(page.text.split())
    for option in options.values():
        assert " ".join((option.help or "").replace("`", "").split()) in text, (
            option.name
        )
    assert "Integer, at least 1, default 64" in text
    assert "Boolean, default true" in text
