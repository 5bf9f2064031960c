"""Do what is due at a time, such as releasing expired holds, in every process.

Each process of a server sweeps by itself, so that no process is needed for it. What
several of them do at the same time is decided by conditional statements.
"""

import collections.abc
import logging
import os
import random
import threading
import typing
import weakref

import sqlalchemy as sa

from placement import exception
from placement.context import RequestContext
from placement.objects import (
    change_feed,
    group,
    hold,
    idempotency,
    limited_usage,
    provider_state,
    release,
)

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from placement.context import Service

LOG = logging.getLogger(__name__)

# The longest time between two sweeps; they come a little earlier, at random, so that
# processes that start together do not all sweep at the same time.
SECONDS = 10.0

# Each does what is due, and may be run by several processes at once.
TASKS: tuple[collections.abc.Callable[[RequestContext], object], ...] = (
    hold.release_expired,
    idempotency.delete_expired,
    group.delete_empty,
    provider_state.return_to_service,
    limited_usage.sweep,
    change_feed.sweep,
    release.sweep,
)


def sweep(context: RequestContext) -> None:
    """Run all tasks; a failure is logged, and tried again by the next sweep."""
    for task in TASKS:
        try:
            task(context)
        except (exception.PlacementError, sa.exc.SQLAlchemyError) as failure:
            LOG.warning(
                "Sweeping has failed, and is tried again. If this repeats, check the "
                "database: %s",
                failure,
            )
        except Exception:
            LOG.exception(
                "Sweeping has failed, and is tried again. Please report it with the "
                "traceback."
            )


def wrap(app: "WSGIApplication", service: "Service") -> "WSGIApplication":
    """Sweep in a thread of each process, from its first request on."""
    lock = threading.Lock()
    started_by = None

    def answer(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> collections.abc.Iterable[bytes]:
        # A thread does not survive a fork.
        nonlocal started_by
        if started_by != os.getpid():
            with lock:
                if started_by != os.getpid():
                    started_by = os.getpid()
                    _start(service)
        return app(environ, start_response)

    return answer


def _start(service: "Service") -> None:
    """Sweep until the process ends, or the application is gone."""
    threading.Thread(
        target=_run, args=(weakref.ref(service),), name="sweeper", daemon=True
    ).start()


def _run(reference: "weakref.ref[Service]") -> None:
    pause = threading.Event()
    while True:
        service = reference()
        if service is None:
            return
        sweep(RequestContext(service))
        del service
        pause.wait(SECONDS * random.uniform(0.5, 1))
