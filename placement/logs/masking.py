"""Replace secrets in log lines: passwords, tokens, and headers that carry them."""

import logging
import re

MASK = "***"

# A line with none of these, in lower case, has no secret that ``mask`` finds. Searching
# for them takes less than a microsecond; the expressions below take ten times that.
_MARKS = ("://", "passw", "secret", "token", "authorization", "gaaaa")

# The numbers of characters are limited because an expression that may begin anywhere in
# a long word takes time by the square of its length.
_NAME = r"[\w-]{0,40}(?:password|passwd|secret|token)"
_HEADER = r"x-auth-token|x-service-token|x-subject-token|(?:proxy-)?authorization"
_SECRETS = (
    # The password of a URL.
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)"), r"\1" + MASK),
    # A member of JSON, or of the repr of a dictionary.
    (
        re.compile(
            rf"""(["'](?:{_NAME}|{_HEADER})\\?["']:\s{{0,4}}\\?["'])[^"'\\]+""", re.I
        ),
        r"\1" + MASK,
    ),
    # A header; its value ends with the line.
    (
        re.compile(rf"\b({_HEADER}):[^\S\n]{{0,4}}[^\s\"'][^\n\"']*", re.I),
        r"\1: " + MASK,
    ),
    # A parameter of a query string or of a connection. Page tokens are not secret.
    (
        re.compile(rf"\b(?!page_token)({_NAME}=)[^\s&;,\"'\\]+", re.I),
        r"\1" + MASK,
    ),
    # A Fernet token of Keystone.
    (re.compile(r"\bgAAAA[\w-]{40,}=*"), MASK),
)


def mask(text: str) -> str:
    """Return ``text`` with each secret replaced."""
    lowered = text.lower()
    if any(mark in lowered for mark in _MARKS):
        for pattern, replacement in _SECRETS:
            text = pattern.sub(replacement, text)
    return text


class MaskingFormatter(logging.Formatter):
    """Writes what another formatter writes, without secrets."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self.inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        return mask(self.inner.format(record))
