"""The examples in ``api-ref/`` and in docs/concepts.md print what the pages show.

A page's ``http`` examples are sent first; the others run in their order, in one
namespace. What a ``python`` block prints is in a ``text`` block right after it; without
one, it prints nothing. A ``console`` block has commands after ``$``, each followed by
what it prints, without errors; ``<any>`` stands for any text.
"""

import itertools
import pathlib
import re
import shlex
import typing

import click.testing
import pytest

from placement.cmd.placement import placement
from tests.functional import api_ref
from tests.servers import server
from tests.unit import documents, in_process

_COMMAND = re.compile(r"^\$ placement (.*)\n((?:[^$].*\n|\n)*)", re.M)
PAGES = [
    page
    for page in [*api_ref.pages(), documents.ROOT / "docs" / "concepts.md"]
    if {"python", "console"} & {block.language for block in documents.blocks(page)}
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_print_what_it_shows(
    page: pathlib.Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with server.in_process(database_url, api_ref.OPTIONS) as application:
        for example in api_ref.examples(page.name, page.read_text()):
            api_ref.send(application, example.request)
        with in_process.serving(application) as url:
            monkeypatch.setenv("PLACEMENT_ENDPOINT", url)
            monkeypatch.setenv("PLACEMENT_TOKEN", "admin")
            names: dict[str, object] = {}
            for block, following in itertools.pairwise([*documents.blocks(page), None]):
                assert block is not None
                match block.language:
                    case "python":
                        exec(block.text, names)
                        printed = capsys.readouterr().out
                        assert api_ref.matches_text(output(block, following), printed)
                    case "console":
                        run_console(block.text)


def output(block: documents.Block, following: documents.Block | None) -> str:
    """Return what a block prints: the text of a ``text`` block right after it."""
    if following is None or following.language != "text":
        return ""
    is_next = following.line == block.line + block.text.count("\n") + 3
    return following.text if is_next else ""


def run_console(text: str) -> None:
    commands: list[tuple[str, str]] = _COMMAND.findall(text)
    assert "".join(f"$ placement {line}\n{out}" for line, out in commands) == text
    for line, printed in commands:
        runner = click.testing.CliRunner()
        result: typing.Any = runner.invoke(placement, shlex.split(line))
        assert api_ref.matches_text(printed, result.stdout), result.output


def test_there_are_examples() -> None:
    assert {"bulk_reads.md", "concepts.md"} <= {page.name for page in PAGES}
