"""The log context of a thread: the ids of a request, and who sends it."""

from oslo_context import context as log_context


class _Nothing(log_context.RequestContext):
    """The context of a thread between requests; oslo.log treats it as missing."""

    def __bool__(self) -> bool:
        return False


NOTHING = _Nothing(overwrite=False)


def to_restore() -> log_context.RequestContext:
    """Return what to store again after the context of this thread was replaced."""
    # A program that embeds the service may have set a context.
    return log_context.get_current() or NOTHING
