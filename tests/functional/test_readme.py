"""The example of the README works, and links between pages are valid."""

import pathlib
import re

import pytest

from tests.servers import server
from tests.unit import in_process

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("api-ref/*.md")]


def test_the_example_of_the_client_makes_a_claim(
    application: server.Application,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "README.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    with in_process.serving(application) as url:
        monkeypatch.setenv("PLACEMENT_ENDPOINT", url)
        monkeypatch.setenv("PLACEMENT_TOKEN", "admin")
        exec(example, {})

    assert "{'VCPU': 2}" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_have_targets(page: pathlib.Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        if target.startswith("https:"):
            continue
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert not broken


def anchors(page: pathlib.Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")
        for heading in headings
    }
