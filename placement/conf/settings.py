"""The configuration as plain values.

oslo.config searches all sources each time an option is read, which is too slow for
requests. So options are read once, at start, which also finds values of the wrong type.
"""

import dataclasses
import logging
import typing

from oslo_config import cfg

from placement import exception
from placement.conf import find

LOG = logging.getLogger(__name__)

# Group and name of each option that is accepted without effect.
WITHOUT_EFFECT = (
    (None, "tempdir"),
    (None, "pybasedir"),
    (None, "state_path"),
    ("placement_database", "connection_trace"),
    ("workarounds", "optimize_for_wide_provider_trees"),
)

_DEFAULTS = (cfg.Locations.opt_default, cfg.Locations.set_default)


@dataclasses.dataclass(frozen=True, slots=True)
class ApiSettings:
    """Group [api]; ``token_file`` is required with ``auth_strategy`` ``token``."""

    auth_strategy: str
    token_file: str | None
    max_request_body_bytes: int = 16 * 2**20


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Group [placement_database]; times are in seconds.

    A pool size or timeout of None stands for the default of SQLAlchemy.
    """

    connection: str
    connection_parameters: str = ""
    slave_connection: str | None = None
    sqlite_synchronous: bool = True
    mysql_sql_mode: str = "TRADITIONAL"
    connection_recycle_time: int = 3600
    max_pool_size: int | None = None
    max_overflow: int | None = None
    pool_timeout: int | None = None
    max_retries: int = 10
    retry_interval: int = 10
    connection_debug: int = 0
    connection_trace: bool = False
    sync_on_startup: bool = False
    request_id_comments: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class PlacementSettings:
    """Group [placement].

    ``allocation_candidates_generation_strategy`` is None if no source sets it,
    although the option has a default.
    """

    randomize_allocation_candidates: bool
    max_allocation_candidates: int
    allocation_candidates_generation_strategy: str | None
    candidates_search_seconds_max: float
    search_cache_megabytes: int
    allocation_conflict_retry_count: int
    incomplete_consumer_project_id: str
    incomplete_consumer_user_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class WorkaroundsSettings:
    """Group [workarounds]."""

    optimize_for_wide_provider_trees: bool


@dataclasses.dataclass(frozen=True, slots=True)
class CorsSettings:
    """Group [cors]; an empty ``allowed_origin`` turns CORS off.

    ``max_age`` is in seconds.
    """

    allowed_origin: tuple[str, ...]
    allow_credentials: bool
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    allow_methods: tuple[str, ...]
    max_age: int


@dataclasses.dataclass(frozen=True, slots=True)
class ProxySettings:
    """Group [oslo_middleware]."""

    enable_proxy_headers_parsing: bool


@dataclasses.dataclass(frozen=True, slots=True)
class HealthcheckSettings:
    """Group [healthcheck]."""

    disable_by_file_path: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Group [metrics]; ``token_file`` is required with ``access`` ``token``."""

    access: str
    token_file: str | None
    allocations: bool
    capacity_requests: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class ChangesSettings:
    """Group [changes]."""

    enabled: bool = False
    retention_hours: int = 24


@dataclasses.dataclass(frozen=True, slots=True)
class ConsumersSettings:
    """Group [consumers]."""

    release_retention_days: int = 90


@dataclasses.dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Group [console]; without ``link_directory`` there are no one-time links."""

    enabled: bool = True
    link_directory: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TracingSettings:
    """Group [tracing]; None leaves the decision to the environment."""

    enabled: bool | None = None
    endpoint: str | None = None
    sample_ratio: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """All settings, by group; ``log_options`` is in [DEFAULT]."""

    api: ApiSettings
    database: DatabaseSettings
    placement: PlacementSettings
    workarounds: WorkaroundsSettings
    cors: CorsSettings
    proxy: ProxySettings
    healthcheck: HealthcheckSettings
    metrics: MetricsSettings
    changes: ChangesSettings
    consumers: ConsumersSettings
    console: ConsoleSettings
    tracing: TracingSettings
    log_options: bool


def load(config: cfg.ConfigOpts) -> Settings:
    """Return the settings of ``config``, which has parsed its sources.

    Logs options that are set but have no effect.

    Raises ConfigurationError when the URL of the database is missing, or when a value
    has the wrong type or is not among the choices.
    """
    try:
        if not config.placement_database.connection:
            raise exception.ConfigurationError(reason=_no_connection(config))
        settings = Settings(
            api=_read(config, "api", ApiSettings),
            database=_read(config, "placement_database", DatabaseSettings),
            placement=_placement(config),
            workarounds=_read(config, "workarounds", WorkaroundsSettings),
            cors=_read(config, "cors", CorsSettings),
            proxy=_read(config, "oslo_middleware", ProxySettings),
            healthcheck=_read(config, "healthcheck", HealthcheckSettings),
            metrics=_read(config, "metrics", MetricsSettings),
            changes=_read(config, "changes", ChangesSettings),
            consumers=_read(config, "consumers", ConsumersSettings),
            console=_read(config, "console", ConsoleSettings),
            tracing=_read(config, "tracing", TracingSettings),
            log_options=config.log_options,
        )
        _report_without_effect(config)
    except cfg.Error as wrong:
        raise exception.ConfigurationError(reason=wrong) from wrong
    return settings


def is_set(config: cfg.ConfigOpts, name: str, group: str | None = None) -> bool:
    """Whether a source sets the option, even if to its default."""
    location = config.get_location(name, group)
    return location is not None and location.location not in _DEFAULTS


Group = typing.TypeVar("Group")


def _read(config: cfg.ConfigOpts, group: str, kind: type[Group]) -> Group:
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    return kind(**{field.name: _value(config, group, field) for field in fields})


def _value(
    config: cfg.ConfigOpts, group: str, field: "dataclasses.Field[typing.Any]"
) -> typing.Any:
    value = config[group][field.name]
    if field.type == tuple[str, ...]:
        return tuple(value or ())
    return value


def _placement(config: cfg.ConfigOpts) -> PlacementSettings:
    settings = _read(config, "placement", PlacementSettings)
    if is_set(config, "allocation_candidates_generation_strategy", "placement"):
        return settings
    return dataclasses.replace(settings, allocation_candidates_generation_strategy=None)


def _no_connection(config: cfg.ConfigOpts) -> str:
    looked_in = ", ".join(find.files_read(config)) or "none"
    return (
        "No database is configured: set connection in [placement_database] (files "
        f"read: {looked_in}) or OS_PLACEMENT_DATABASE__CONNECTION in the environment."
    )


def _report_without_effect(config: cfg.ConfigOpts) -> None:
    names = [
        f"[{group or 'DEFAULT'}] {name}"
        for group, name in WITHOUT_EFFECT
        if is_set(config, name, group)
    ]
    if names:
        LOG.warning(
            "These options are set but have no effect, and can be removed: %s",
            ", ".join(names),
        )
