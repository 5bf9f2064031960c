"""Findings, grouped into classes, with the shortest example of each."""

import collections
import collections.abc
import json
import re
import typing

from tests.compare.aspects import Difference
from tests.compare.compare import Finding, Tally
from tests.compare.exchange import Answer

# Characters of a body, and writes before it, that are shown.
MAX_SHOWN = 500
MAX_WRITES = 8
_MASKS = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b(CUSTOM|HW|STORAGE|MISC)_\w+"), "<name>"),
    (re.compile(r"\b(VCPU|MEMORY_MB|DISK_GB|VGPU)\b"), "<name>"),
    (re.compile(r"\d+(\.\d+)?"), "<n>"),
]


class FindingClass(typing.NamedTuple):
    """Similar differences: of one operation, in the same aspects."""

    operation: str
    statuses: tuple[int, int]
    what: tuple[str, ...]


def grouped(
    findings: collections.abc.Iterable[Finding],
) -> dict[FindingClass, list[Finding]]:
    groups: dict[FindingClass, list[Finding]] = collections.defaultdict(list)
    for finding in findings:
        groups[class_of(finding)].append(finding)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def class_of(finding: Finding) -> FindingClass:
    exchange = finding.exchange
    statuses = exchange.peer.status, exchange.ours.status
    differing = finding.differing
    # Another status brings other headers and another body with it.
    names = ["status", "wording", "body"] if "status" in differing else list(differing)
    what = tuple(_summary(name, differing[name]) for name in names if name in differing)
    return FindingClass(exchange.request.operation, statuses, what)


def _summary(name: str, difference: Difference) -> str:
    peer, ours = difference
    if name == "body":
        return f"body at {_first_difference(peer, ours)}"
    return f"{name}: {_masked(peer)} -> {_masked(ours)}"


def _first_difference(peer: typing.Any, ours: typing.Any) -> str:
    if isinstance(peer, dict) and isinstance(ours, dict):
        if peer.keys() != ours.keys():
            odd = ", ".join(sorted(peer.keys() ^ ours.keys()))
            return f"members {_masked(odd)}"
        for name in peer:
            if peer[name] != ours[name]:
                return f"{_masked(name)} {_first_difference(peer[name], ours[name])}"
    if isinstance(peer, list) and isinstance(ours, list) and len(peer) != len(ours):
        return "fewer" if len(ours) < len(peer) else "more"
    return "values"


def _masked(value: typing.Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def shortest(findings: list[Finding]) -> Finding:
    """Return the shortest difference, which is the easiest to read."""
    return min(findings, key=_length)


def lines(
    groups: dict[FindingClass, list[Finding]], tally: Tally
) -> collections.abc.Iterator[str]:
    """Yield the report, line by line."""
    yield "Answers of the peer, by operation before mutation:"
    operations = sorted({operation for operation, _ in tally.answers})
    for wanted in operations:
        counts = (
            f"{status}: {count}"
            for (operation, status), count in sorted(tally.answers.items())
            if operation == wanted
        )
        yield f"  {wanted}: {', '.join(counts)}"
    yield f"episodes that ended early because the databases differed: {tally.cut_short}"
    for reason, count in tally.reasons.most_common():
        yield f"explained {count}: {reason}"
    count = sum(len(members) for members in groups.values())
    yield f"unexplained: {count}, in {len(groups)} classes"
    for key, members in groups.items():
        yield from _class_lines(key, members)


def _class_lines(
    key: FindingClass, members: list[Finding]
) -> collections.abc.Iterator[str]:
    minors = [each.exchange.request.minor for each in members]
    known = [minor for minor in minors if minor is not None]
    versions = f"1.{min(known)} to 1.{max(known)}" if known else "unknown"
    yield ""
    yield f"## {key.operation}: {len(members)}, versions {versions}"
    yield f"status: {key.statuses[0]} (peer), {key.statuses[1]} (ours)"
    yield from key.what
    finding = shortest(members)
    yield f"--episode {finding.seed}, after {len(finding.history)} writes:"
    yield from (f"  {each.as_curl()}" for each in finding.history[-MAX_WRITES:])
    yield f"  {finding.exchange.request.as_curl()}"
    yield f"peer: {_shown(finding.exchange.peer)}"
    yield f"ours: {_shown(finding.exchange.ours)}"
    for name, difference in finding.differing.items():
        if name == "body":
            yield f"  body: {json.dumps(difference.peer)[:MAX_SHOWN]}"
            yield f"    ->  {json.dumps(difference.ours)[:MAX_SHOWN]}"
        else:
            yield f"  {name}: {difference.peer} -> {difference.ours}"


def _length(finding: Finding) -> tuple[int, int]:
    request = finding.exchange.request
    return len(finding.history), len(request.target) + len(request.body or b"")


def _shown(answer: Answer) -> str:
    return f"{answer.status} {answer.content.decode('utf-8', 'replace')[:MAX_SHOWN]}"
