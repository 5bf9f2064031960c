"""Progress on a terminal and in a file."""

import io

import pytest
from rich.console import Console

from placement.cmd import progress


@pytest.fixture
def console(monkeypatch):
    """Return a function that replaces the console with one that writes to a
    StringIO."""

    def make(is_terminal):
        file = io.StringIO()
        made = Console(file=file, force_terminal=is_terminal, width=100)
        monkeypatch.setattr(progress, "_console", lambda: made)
        return file

    return make


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_shows_a_bar(console):
    file = console(is_terminal=True)

    with progress.shown("Counted") as report:
        report(500, 2000)

    assert "Counted" in file.getvalue()
    assert "500/2000" in file.getvalue()


def test_without_a_report_nothing_is_shown(console):
    file = console(is_terminal=True)

    with progress.shown("Counted"):
        pass

    assert "Counted" not in file.getvalue()


def test_a_file_gets_a_line_every_few_seconds(console, clock):
    file = console(is_terminal=False)

    with progress.shown("Counted") as report:
        report(1, 9)
        clock[0] += progress.LINE_SECONDS - 0.1
        report(2, 9)
        clock[0] += 0.1
        report(3, 9)
        report(4, 9)

    assert file.getvalue().splitlines() == ["Counted: 3 of 9"]
