"""Patterns of names of traits, in which ``.*`` or ``*`` stands for any characters."""

import collections.abc
import fnmatch
import re


def matching(
    patterns: collections.abc.Iterable[str], names: collections.abc.Iterable[str]
) -> set[str]:
    """Return the names that a pattern matches as a whole."""
    # fnmatch writes expressions that need no more than quadratic time.
    compiled = [
        re.compile(fnmatch.translate(re.sub(r"(\.?\*)+", "*", pattern)))
        for pattern in patterns
    ]
    return {name for name in names if any(each.match(name) for each in compiled)}
