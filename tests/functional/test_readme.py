"""The example of the README works."""

import pathlib
import re

import pytest

from tests.servers import server
from tests.unit import in_process

ROOT = pathlib.Path(__file__).parents[2]


def test_the_example_of_the_client_makes_a_claim(
    application: server.Application,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "README.md").read_text()
    example, _ = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    with in_process.serving(application) as url:
        monkeypatch.setenv("PLACEMENT_ENDPOINT", url)
        monkeypatch.setenv("PLACEMENT_TOKEN", "admin")
        exec(example, {})

    assert "{'VCPU': 2}" in capsys.readouterr().out
