"""Uuids: the many ways to write one, and the one that is stored."""

import re
import uuid

_DIGITS = re.compile(r"[0-9a-f]{32}", re.ASCII)


def canonical(text: str) -> str | None:
    """Return ``text`` in lower case with dashes; None if it is not like a uuid.

    Dashes, braces and a prefix ``urn:uuid:`` may be there or not.
    """
    digits = text.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "")
    if not _DIGITS.fullmatch(digits.lower()):
        return None
    return str(uuid.UUID(hex=digits))


def canonical_or_same(text: str) -> str:
    """Return ``text`` in canonical form, or as it is if it is not like a uuid."""
    return canonical(text) or text
