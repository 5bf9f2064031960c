"""The text of HTML error pages, such as those of proxies."""

import html.parser

# Elements whose content browsers do not display.
_HIDDEN = frozenset({"head", "script", "style", "title"})


def visible_text(markup: str) -> str:
    """Return the text of an HTML page, which may be truncated, without markup."""
    parser = _Parser()
    parser.feed(markup)
    return " ".join(parser.texts)


class _Parser(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden_by: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag in _HIDDEN:
            self._hidden_by.append(tag)
        elif tag == "body":
            # The end tag of head is optional.
            self._hidden_by.clear()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden_by:
            del self._hidden_by[self._hidden_by.index(tag) :]

    def handle_data(self, data: str) -> None:
        if not self._hidden_by:
            self.texts.append(data)
