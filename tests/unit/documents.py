"""The Markdown files of the repository, with their links, anchors and code blocks."""

import functools
import itertools
import pathlib
import re
import typing
from collections.abc import Iterator

import markdown_it
from markdown_it.token import Token

ROOT = pathlib.Path(__file__).parents[2]
_NOT_OURS = {"build", "dist", "site"}
_TARGETS_IN_HTML = re.compile(r'(?:src|srcset|href)="([^"]+)"')


class Block(typing.NamedTuple):
    """A code block; an indented one has no language. ``line`` is that of its page."""

    page: pathlib.Path
    line: int
    language: str | None
    text: str

    @property
    def place(self) -> str:
        return f"{name(self.page)}:{self.line}"


def pages() -> list[pathlib.Path]:
    """Return the Markdown files of the repository."""
    directories = (
        path
        for path in ROOT.iterdir()
        if path.is_dir()
        and not path.name.startswith(".")
        and path.name not in _NOT_OURS
    )
    return sorted(
        [
            *ROOT.glob("*.md"),
            *(page for each in directories for page in each.rglob("*.md")),
        ]
    )


def name(page: pathlib.Path) -> str:
    """Return the path of a page in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: pathlib.Path) -> list[Block]:
    """Return the code blocks of a page in order, also those in lists."""
    return [
        Block(
            page,
            _line(token),
            token.info.strip() if token.type == "fence" else None,
            token.content,
        )
        for token in _tokens(page)
        if token.type in {"fence", "code_block"}
    ]


def links(page: pathlib.Path) -> set[str]:
    """Return the targets of the links and pictures of a page."""
    return {target for token in _tokens(page) for target in _targets(token)}


@functools.cache
def anchors(page: pathlib.Path) -> set[str]:
    """Return the anchors of the headings of a page, as code hosts and the site do."""
    found: set[str] = set()
    tokens = _tokens(page)
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(each.content for each in inline.children or ())
            slug = re.sub(r"[^\w\- ]", "", text).lower().replace(" ", "-")
            number = sum(each.startswith(slug) for each in found)
            found.add(f"{slug}-{number}" if slug in found else slug)
    return found


def _targets(token: Token) -> Iterator[str]:
    for each in token.children or ():
        yield from _targets(each)
    match token.type:
        case "link_open":
            yield str(token.attrs["href"])
        case "image":
            yield str(token.attrs["src"])
        case "html_block" | "html_inline":
            yield from _TARGETS_IN_HTML.findall(token.content)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


@functools.cache
def _tokens(page: pathlib.Path) -> list[Token]:
    return markdown_it.MarkdownIt().enable("table").parse(page.read_text())
