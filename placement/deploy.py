"""The application: the operations, and what lies around them."""

import collections.abc
import functools
import logging
import time
import typing

import sqlalchemy as sa
from oslo_config import cfg

from placement import exception, policy
from placement.api import dispatch, routes
from placement.conf import settings as conf_settings
from placement.conf import unknown
from placement.context import Service
from placement.db import adoption, conflicts, engine, migrations, replica, standard
from placement.db.names import Names
from placement.middleware import (
    auth,
    cors,
    fault_wrap,
    http_proxy,
    microversion,
    request_id,
    requestlog,
)
from placement.web import app as web

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOG = logging.getLogger(__name__)

# How often the database may be lost while it is made ready.
_TIMES_LOST_MAX = 3

_Wrap = collections.abc.Callable[["WSGIApplication", Service], "WSGIApplication"]


def loadapp(
    config: cfg.ConfigOpts, project_name: str | None = None
) -> "WSGIApplication":
    """Return the application for a configuration that has been read.

    The database is made ready: migrated if ``sync_on_startup`` says so, mended if
    other services have written to it, and given the standard names that it lacks.
    ``project_name`` is accepted for callers that give one.

    Raises ConfigurationError when the service cannot run as configured; its text
    says how to mend it.
    """
    started = time.monotonic()
    service = _service(config)
    api = _wrapped(dispatch.application(routes.by_path()), _api_layers(), service)
    app = web.Application(api)
    # Flask's own way to put middleware around an application.
    app.wsgi_app = _wrapped(  # type: ignore[assignment,method-assign]
        app.wsgi_app, _layers(config), service
    )
    # Only now are the options of all libraries known.
    _log_configuration(config, service.settings)
    LOG.info("Placement is ready after %.2f seconds", time.monotonic() - started)
    return app


def _log_configuration(
    config: cfg.ConfigOpts, settings: conf_settings.Settings
) -> None:
    if settings.log_options and LOG.isEnabledFor(logging.DEBUG):
        config.log_opt_values(LOG, logging.DEBUG)
    names = unknown.names(config)
    if names:
        LOG.warning("Configured without any effect: %s", ", ".join(names))


def _service(config: cfg.ConfigOpts) -> Service:
    settings = conf_settings.load(config)
    database = engine.create_engine(settings.database)
    standby = replica.create(database, settings.database)
    lost = 0
    while True:
        engine.wait_until_reachable(database, settings.database)
        try:
            _make_ready(database, settings.database)
            break
        except sa.exc.DBAPIError as failure:
            # A server that ends now may be back soon. Who does not start, because of
            # that, may stop all other workers with it.
            lost += 1
            is_lost = conflicts.meaning(failure) is conflicts.Meaning.LOST
            if not is_lost or lost > _TIMES_LOST_MAX:
                raise exception.ConfigurationError(
                    reason=f"The database {database.url.render_as_string()} cannot be "
                    f"used: {str(failure.orig).strip()}"
                ) from failure
    # Workers that a server forks from this process must not share connections.
    database.dispose()
    return Service(settings, database, Names(), policy.Enforcer(config), standby)


def _make_ready(database: sa.Engine, settings: conf_settings.DatabaseSettings) -> None:
    is_in_memory = engine.is_in_memory(database.url)
    if is_in_memory:
        LOG.warning("The database is in memory: each worker has its own until it ends")
    # Nobody else can migrate a database in memory.
    if settings.sync_on_startup or is_in_memory:
        migrations.sync(database)
    migrations.require_current(database)
    adoption.mend(database)
    standard.ensure(database)


def _api_layers() -> tuple[_Wrap, ...]:
    """Return what only a request for the versioned API passes, outermost first."""
    return (microversion.wrap, fault_wrap.wrap)


def _layers(config: cfg.ConfigOpts) -> tuple[_Wrap, ...]:
    """Return what every request passes on its way in, outermost first."""
    return (
        request_id.wrap,
        # Only the id is made outside of it, so that every failure has one.
        fault_wrap.wrap,
        http_proxy.wrap,
        requestlog.wrap,
        # Inside of the request log, which has a line for every answer.
        fault_wrap.wrap,
        cors.wrap,
        functools.partial(auth.wrap, config=config),
    )


def _wrapped(
    app: "WSGIApplication", layers: tuple[_Wrap, ...], service: Service
) -> "WSGIApplication":
    for wrap in reversed(layers):
        app = wrap(app, service)
    return app
