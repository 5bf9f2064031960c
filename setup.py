"""The text that package indexes show; everything else is in pyproject.toml."""

import pathlib
import re

import setuptools

_RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)")


def long_description() -> str:
    """Return the README with relative links, which lead nowhere there, as names."""
    text = pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return _RELATIVE_LINK.sub(_named, text)


def _named(link: "re.Match[str]") -> str:
    label, path = link[1], link[2]
    return f"`{path}`" if path.endswith(label) else f"{label} (`{path}`)"


setuptools.setup(
    long_description=long_description(),
    long_description_content_type="text/markdown",
)
