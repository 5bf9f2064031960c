"""At most one turn in a while, in all processes of a server."""

import multiprocessing
import pathlib

import pytest

from placement.metrics import store, turns

LONG = 3600.0


@pytest.fixture
def shared(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.DIRECTORY_VARIABLE, str(tmp_path))


def take(_: int = 0, seconds: float = LONG) -> bool:
    """Ask as another process does: without a memory of its own."""
    return turns.Turns("lines", seconds).take()


def test_the_second_caller_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(store.DIRECTORY_VARIABLE, raising=False)
    lines = turns.Turns("lines", LONG)

    assert lines.take()
    assert not lines.take()


@pytest.mark.usefixtures("shared")
def test_processes_with_a_common_directory_share_turns() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        taken = pool.map(take, range(4), chunksize=1)

    assert sorted(taken) == [False, False, False, True]


@pytest.mark.usefixtures("shared")
def test_a_turn_comes_back() -> None:
    assert take()
    assert take(seconds=0.0)
    assert not take()


def test_without_the_directory_no_turn_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.DIRECTORY_VARIABLE, str(tmp_path / "missing"))

    assert take()
    assert take()
