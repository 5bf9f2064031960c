"""Shorten the writes that lead to a difference."""

from tests.compare import compare, report
from tests.compare.compare import Finding, Tally
from tests.compare.exchange import Request
from tests.compare.pair import Pair


def shrunk(pair: Pair, finding: Finding, database: str) -> Finding:
    """Remove writes while the difference stays in its class.

    Both databases are empty before and afterwards. A difference that does not come
    again when its writes are sent once more is returned as it is.
    """
    history = finding.history
    if not _shows_again(pair, finding, history, database):
        return finding
    step = max(1, len(history) // 2)
    while step:
        start = 0
        while start < len(history):
            shorter = history[:start] + history[start + step :]
            if _shows_again(pair, finding, shorter, database):
                history = shorter
            else:
                start += step
        step //= 2
    return finding._replace(history=history)


def _shows_again(
    pair: Pair, finding: Finding, history: list[Request], database: str
) -> bool:
    for request in history:
        pair.send(request)
    exchange = pair.send(finding.exchange.request)
    pair.clear(finding.world)
    left = compare.judge(exchange, Tally(database))
    if not left:
        return False
    again = finding._replace(exchange=exchange, differing=left)
    return report.class_of(again) == report.class_of(finding)
