"""The newest microversion stands in one place."""

import os
import pathlib
import subprocess
import sys

from placement.api.microversion import MAX_VERSION

ROOT = pathlib.Path(__file__).parents[3]
NEXT = MAX_VERSION.minor + 1

# What a new version must come with.
HISTORY = (
    "tests/functional/test_api_ref.py::"
    f"test_the_history_has_an_entry_for_every_version[{NEXT}]"
)
STORY = (
    "tests/unit/test_stories.py::"
    f"test_a_version_has_a_story_that_also_tests_the_version_before[{NEXT}]"
)

# Compares with a process that does not have the new version.
OF_ANOTHER_PROCESS = (
    "tests/unit/api/test_openapi.py::test_another_process_renders_the_same_bytes"
)

# They take long. Authentication precedes versions, and the same schemas are compiled.
OF_ANY_VERSION = (
    "tests/unit/middleware/test_auth.py",
    "tests/unit/schemas/test_checks.py",
)


def test_a_new_version_needs_only_a_history_entry_and_a_story():
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.unit.newer_version"),
            *("-p", "no:cacheprovider", "-rf"),
            *("tests/unit/api", f"--ignore={pathlib.Path(__file__)}"),
            f"--deselect={OF_ANOTHER_PROCESS}",
            *(f"--ignore={path}" for path in OF_ANY_VERSION),
            *("tests/unit/handlers", "tests/unit/middleware", "tests/unit/schemas"),
            *("tests/unit/test_direct.py", "tests/unit/test_stories.py"),
            HISTORY,
        ],
        cwd=ROOT,
        # Their imports take long.
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    failed = {
        line.removeprefix("FAILED ").partition(" - ")[0]
        for line in done.stdout.splitlines()
        if line.startswith("FAILED ")
    }
    assert failed == {HISTORY, STORY}, done.stdout[-5000:]
