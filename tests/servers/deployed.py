"""Sample configurations of ``deploy/``, with the places of a test."""

import collections.abc
import pathlib

DIRECTORY = pathlib.Path(__file__).parents[2] / "deploy"


def substituted(path: str, replacements: collections.abc.Mapping[str, object]) -> str:
    """Return the text of a sample, with other addresses, ports and paths.

    Each key of ``replacements`` must be in the sample.
    """
    text = (DIRECTORY / path).read_text()
    for old, new in replacements.items():
        if old not in text:
            raise ValueError(f"{path} does not contain {old!r}")
        text = text.replace(old, str(new))
    return text
