"""The service as a WSGI application."""

import atexit
import gc
import os
import typing

from placement import deploy, distribution
from placement.conf import find, log
from placement.wsgi import uwsgi_server

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


# Containers that are created, less those that are freed, between two collections of
# garbage. Python's default is 700 or 2,000, which one search with 1,000 candidates
# reaches; 10,000 take some megabytes.
_COLLECTION_THRESHOLD = 10_000


def init_application() -> "WSGIApplication":
    """Return the application that the environment and placement.conf configure.

    Raises ConfigurationError when it cannot run; its text says how to fix it.
    Source: API reference, "Configuration".
    """
    distribution.require_sole()
    config = find.service_config(os.environ)
    log.setup(config)
    application = uwsgi_server.wrap(deploy.loadapp(config, sweeps=True))
    spare_collections()
    return application


def spare_collections() -> None:
    """Exclude what exists from later collections of garbage, and collect more rarely.

    Modules, options and tables live until the end of the process. Each full collection
    would pass over them, which stops all threads for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTION_THRESHOLD)
    # The last collection closes the connections to the database.
    atexit.register(gc.unfreeze)
