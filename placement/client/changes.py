"""The feed of changes."""

import time
from collections.abc import Iterator, Sequence

from placement.client import errors, values
from placement.client.exchange import Exchange, with_query

# Stands for the position after all changes so far.
NOW = "now"

# Below the default timeout of a transport.
WAIT_SECONDS = 30

# Before a request is repeated that has failed, or that was answered early.
PAUSE_SECONDS = 1.0


class ChangeOperations(Exchange):
    """The operation that lists changes."""

    def get_changes(
        self,
        after: int | str | None = None,
        kinds: Sequence[str] = (),
        wait_seconds: int = 0,
    ) -> values.ChangePage:
        """Return the changes after a position, at most 1,000.

        ``after`` is the position of the previous page, or ``now``; by default the
        changes begin with the oldest. Without changes, waits up to ``wait_seconds``,
        but the service may respond earlier.

        Raises Gone when changes after the position are not available; NotFound when
        the feed is off.
        Source: API reference, "Changes".
        """
        parameters = [("after", str(after))] if after is not None else []
        listed = list(values.several("kinds", kinds))
        if listed:
            parameters.append(("kinds", ",".join(listed)))
        if wait_seconds:
            parameters.append(("wait", str(wait_seconds)))
        path = with_query("/-/v1/changes", parameters)
        return self._get(path, values.ChangePage.from_document)

    def watch(
        self,
        after: int | str | None = None,
        kinds: Sequence[str] = (),
        wait_seconds: int = WAIT_SECONDS,
        give_up_seconds: float = 300,
    ) -> Iterator[values.Change]:
        """Yield changes as they happen, without end.

        ``after`` and ``kinds`` are as in ``get_changes``; to continue later, pass the
        position of the last change. Without a response, or with a 5xx, repeats the
        request for up to ``give_up_seconds``, and then raises the failure.

        Raises what ``get_changes`` raises.
        """
        answered = None
        while True:
            begun = time.monotonic()
            try:
                page = self.get_changes(after, kinds, wait_seconds)
            except errors.Unavailable:
                if answered is None or begun - answered > give_up_seconds:
                    raise
                time.sleep(PAUSE_SECONDS)
                continue
            answered = time.monotonic()
            yield from page.changes
            is_early = not page.changes and answered - begun < PAUSE_SECONDS
            if is_early and page.position == after:
                time.sleep(PAUSE_SECONDS)
            after = page.position
