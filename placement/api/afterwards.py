"""Work of a request that is done when its response has been sent."""

import collections.abc

from oslo_context import context as log_context

from placement.logs import context


class Afterwards:
    """The parts of a body, and ``work`` to be done after them.

    Servers close a body when they have sent it. The work then has the log context of
    the request, and must not raise.
    """

    def __init__(
        self, parts: list[bytes], work: collections.abc.Callable[[], None]
    ) -> None:
        self._parts = parts
        self._work = work
        self._log_context = log_context.get_current()

    def __iter__(self) -> collections.abc.Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        # The body may be closed by another thread.
        before = context.to_restore()
        if self._log_context is not None:
            self._log_context.update_store()
        try:
            self._work()
        finally:
            before.update_store()
