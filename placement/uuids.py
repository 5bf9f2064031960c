"""The forms of a uuid, and the canonical one, which is stored."""

import binascii
import re

_BYTES = 16
_DIGITS = re.compile(r"[0-9a-f]{32}", re.ASCII)


def canonical(text: str) -> str | None:
    """Return ``text`` in lower case with dashes; None if it is not a uuid.

    Dashes, braces and the prefix ``urn:uuid:`` are optional.
    """
    digits = text.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "")
    digits = digits.lower()
    if not _DIGITS.fullmatch(digits):
        return None
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts)


def canonical_or_same(text: str) -> str:
    """Return ``text`` in canonical form, or unchanged if it is not a uuid."""
    return canonical(text) or text


def packed(text: str) -> bytes | None:
    """Return the 16 bytes of a uuid, the same for all its forms; None if it is not one.

    Faster than ``canonical`` for a text without braces and prefixes.
    """
    try:
        found = binascii.unhexlify(text.replace("-", ""))
    except ValueError:
        found = b""
    if len(found) == _BYTES:
        return found
    same = canonical(text)
    return None if same is None else binascii.unhexlify(same.replace("-", ""))
