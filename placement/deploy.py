"""The application: the Flask application, the versioned API and their middleware."""

import collections.abc
import functools
import logging
import os
import time
import typing

import sqlalchemy as sa
from oslo_config import cfg

from placement import exception, policy, sweeper, tracing
from placement.api import dispatch, routes
from placement.conf import settings as conf_settings
from placement.conf import unknown
from placement.context import Service
from placement.db import (
    adoption,
    conflicts,
    engine,
    migrations,
    replica,
    sqlite,
    standard,
)
from placement.db.names import Names
from placement.middleware import (
    auth,
    cors,
    fault_wrap,
    http_proxy,
    measure,
    microversion,
    request_id,
    requestlog,
)
from placement.objects import change, change_feed
from placement.web import app as web
from placement.web import capacity_requests
from placement.web import metrics as web_metrics
from placement.web.console import sessions

if typing.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOG = logging.getLogger(__name__)

# How many lost connections are tolerated while the database is prepared.
_TIMES_LOST_MAX = 3

_Wrap = collections.abc.Callable[["WSGIApplication", Service], "WSGIApplication"]


def loadapp(
    config: cfg.ConfigOpts, project_name: str | None = None, *, sweeps: bool = False
) -> "WSGIApplication":
    """Return the application for a configuration that has been read.

    Prepares the database: migrates it if ``sync_on_startup`` is set, repairs what other
    services have written, and adds missing standard names. ``project_name`` is ignored;
    some callers pass it. With ``sweeps``, each process does what is due, such as
    releasing expired holds, in a thread of its own.

    Raises ConfigurationError when the service cannot run as configured; its text says
    how to fix it.
    """
    started = time.monotonic()
    service = _service(config)
    web_metrics.prepare(service)
    capacity_requests.prepare(service)
    sessions.prepare(service)
    api = _wrapped(dispatch.application(routes.by_path()), _api_layers(), service)
    app = web.Application(api)
    # Flask's own way to put middleware around an application.
    # Flask documents this assignment; its types have a method here.
    layers = _layers(config, app.open_paths(service.settings))
    layers = (*_tracing(service.settings), *layers)
    if sweeps:
        layers = (sweeper.wrap, *layers)
    app.wsgi_app = _wrapped(  # type: ignore[assignment,method-assign]
        app.wsgi_app, layers, service
    )
    # After the middleware, because its libraries register options, too.
    _log_configuration(config, service.settings)
    LOG.info("Placement is ready after %.2f seconds", time.monotonic() - started)
    return app


def _tracing(settings: conf_settings.Settings) -> tuple[_Wrap, ...]:
    """Turn tracing on if it is configured; return its middleware."""
    if not tracing.is_on(settings.tracing.enabled, os.environ):
        return ()
    try:
        from placement.tracing import setup  # noqa: PLC0415 - an extra
    except ImportError as missing:
        needed = (
            "Tracing is on, which needs OpenTelemetry: pip install "
            "'standalone-placement[otel]'"
        )
        if settings.tracing.enabled:
            raise exception.ConfigurationError(reason=needed) from missing
        # The environment may be meant for another program.
        LOG.warning("Requests are not traced. %s", needed)
        return ()
    return (setup.turn_on(settings.tracing).wrap,)


def _log_configuration(
    config: cfg.ConfigOpts, settings: conf_settings.Settings
) -> None:
    if settings.log_options and LOG.isEnabledFor(logging.DEBUG):
        config.log_opt_values(LOG, logging.DEBUG)
    names = unknown.names(config)
    if names:
        LOG.warning(
            "Configured without any effect: %s. Check the names and groups.",
            ", ".join(names),
        )


def _service(config: cfg.ConfigOpts) -> Service:
    settings = conf_settings.load(config)
    database = engine.create_engine(settings.database)
    if settings.changes.enabled:
        change.turn_on(database)
    standby = replica.create(database, settings.database)
    lost = 0
    while True:
        engine.wait_until_reachable(database, settings.database)
        try:
            _make_ready(database, settings)
            break
        except sa.exc.DBAPIError as failure:
            # A server that shuts down may be back soon, and gunicorn stops every
            # worker if one fails to boot.
            lost += 1
            is_lost = conflicts.meaning(failure) is conflicts.Meaning.LOST
            if not is_lost or lost > _TIMES_LOST_MAX:
                raise exception.ConfigurationError(
                    reason=f"The database {database.url.render_as_string()} cannot be "
                    f"used: {str(failure.orig).strip()}"
                ) from failure
    # Forked workers must not share connections.
    database.dispose()
    return Service(settings, database, Names(), policy.Enforcer(config), standby)


def _make_ready(database: sa.Engine, settings: conf_settings.Settings) -> None:
    is_in_memory = sqlite.is_in_memory(database.url)
    if is_in_memory:
        LOG.warning(
            "The database is in memory: each worker has its own, and it is lost at the "
            "end. Set [placement_database] connection to keep it."
        )
    # No other process can migrate a database in memory.
    if settings.database.sync_on_startup or is_in_memory:
        migrations.sync(database)
    migrations.require_current(database)
    is_repaired = adoption.repair(database)
    standard.ensure(database)
    # What other services have written is not in the feed.
    has_gap = is_repaired or not settings.changes.enabled
    change_feed.prepare(database, settings.changes.enabled, has_gap)


def _api_layers() -> tuple[_Wrap, ...]:
    """Return the middleware of the versioned API, outermost first."""
    return (microversion.wrap, fault_wrap.wrap)


def _layers(
    config: cfg.ConfigOpts, open_paths: collections.abc.Container[str]
) -> tuple[_Wrap, ...]:
    """Return the middleware of all requests, outermost first."""
    return (
        request_id.wrap,
        measure.wrap,
        # Inside of request_id, so that every error document has an id.
        fault_wrap.wrap,
        http_proxy.wrap,
        requestlog.wrap,
        # Inside of the request log, which also logs failures.
        fault_wrap.wrap,
        cors.wrap,
        functools.partial(auth.wrap, config=config, open_paths=open_paths),
    )


def _wrapped(
    app: "WSGIApplication", layers: tuple[_Wrap, ...], service: Service
) -> "WSGIApplication":
    for wrap in reversed(layers):
        app = wrap(app, service)
    return app
