"""The tutorials show what happens if their steps are done one after the other."""

import pathlib

import pytest

from tests.functional import walkthrough

DOCS = pathlib.Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["operator", "scheduler"])
def test_each_step_of_a_tutorial_prints_what_the_page_shows(
    name: str, tmp_path: pathlib.Path
) -> None:
    walk = walkthrough.Walk(DOCS / f"tutorial-{name}.md", tmp_path)

    walk.run()

    # The last step has deleted what the page has made.
    assert [each.name for each in tmp_path.iterdir() if each.name[0] != "."] == []
