"""The examples of the client and the command in ``api-ref/`` print what it shows.

A page's ``http`` examples are sent first; the others run in their order. A ``python``
block is followed by a ``text`` block with what it prints. A ``console`` block has
commands after ``$``, each followed by what it prints, without errors; ``<any>`` stands
for any text.
"""

import re
import shlex
import typing

import click.testing
import pytest

from placement.cmd.placement import placement
from tests.functional import api_ref
from tests.servers import server
from tests.unit import in_process

_BLOCKS = re.compile(
    r"^```python\n(?P<code>.*?)^```\n\n```text\n(?P<printed>.*?)^```$"
    r"|^```console\n(?P<console>.*?)^```$",
    re.M | re.S,
)
_COMMAND = re.compile(r"^\$ placement (.*)\n((?:[^$].*\n|\n)*)", re.M)
PAGES = {
    page.name: page.read_text()
    for page in api_ref.pages()
    if _BLOCKS.search(page.read_text())
}


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_print_what_it_shows(
    page: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with server.in_process(database_url, api_ref.OPTIONS) as application:
        for example in api_ref.examples(page, PAGES[page]):
            api_ref.send(application, example.request)
        with in_process.serving(application) as url:
            monkeypatch.setenv("PLACEMENT_ENDPOINT", url)
            monkeypatch.setenv("PLACEMENT_TOKEN", "admin")
            for block in _BLOCKS.finditer(PAGES[page]):
                if block["code"]:
                    exec(block["code"], {})
                    assert capsys.readouterr().out == block["printed"]
                else:
                    run_console(block["console"])


def run_console(text: str) -> None:
    commands: list[tuple[str, str]] = _COMMAND.findall(text)
    assert "".join(f"$ placement {line}\n{out}" for line, out in commands) == text
    for line, printed in commands:
        runner = click.testing.CliRunner()
        result: typing.Any = runner.invoke(placement, shlex.split(line))
        assert api_ref.matches_text(printed, result.stdout), result.output


def test_there_are_examples() -> None:
    assert "bulk_reads.md" in PAGES
