"""Options of [placement_database]: connections to the database."""

from oslo_config import cfg

GROUP = cfg.OptGroup("placement_database", title="The database")

OPTIONS = [
    cfg.StrOpt(
        "connection",
        secret=True,
        help="SQLAlchemy URL of the database: sqlite:///, postgresql+psycopg2:// or "
        "mysql+pymysql://. Required. sqlite:// is a database in memory, for tests: "
        "each worker has its own, which is lost when it exits.",
    ),
    cfg.StrOpt(
        "connection_parameters",
        default="",
        # May contain a password.
        secret=True,
        help="Parameters for the database driver, appended to the URL as its query: "
        "name=value&name=value.",
    ),
    cfg.StrOpt(
        "slave_connection",
        secret=True,
        help="SQLAlchemy URL of a streaming standby of the PostgreSQL server of "
        "connection. It serves reads while it has replayed every acknowledged write; "
        "otherwise the primary does. Ignored with other databases.",
    ),
    cfg.BoolOpt(
        "sqlite_synchronous",
        default=True,
        help="Whether SQLite syncs every commit to disk. False is faster, but a power "
        "failure may damage or lose the database.",
    ),
    cfg.StrOpt(
        "mysql_sql_mode",
        default="TRADITIONAL",
        help="The sql_mode of every MariaDB session. Empty: that of the server. "
        "NO_AUTO_VALUE_ON_ZERO is added, and modes that change the meaning of "
        "statements, such as ANSI and ORACLE, are removed.",
    ),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        help="Age in seconds after which a pooled connection is replaced when it is "
        "next used.",
    ),
    cfg.IntOpt(
        "max_pool_size",
        help="Number of connections that a worker keeps open; 0: no limit. It should "
        "be at least the number of its threads. Not set: the default of SQLAlchemy "
        "(5) or, if max_overflow is not set either, the sum of both defaults (15).",
    ),
    cfg.IntOpt(
        "max_overflow",
        help="Number of connections that a worker may open in addition to "
        "max_pool_size. Not set: the default of SQLAlchemy (10).",
    ),
    cfg.IntOpt(
        "pool_timeout",
        help="Maximum seconds that a request waits for a free connection. Not set: the "
        "default of SQLAlchemy.",
    ),
    cfg.IntOpt(
        "max_retries",
        default=10,
        help="Number of retries if the database cannot be reached at start. -1: no "
        "limit. Each failure is logged as a warning.",
    ),
    cfg.IntOpt(
        "retry_interval",
        default=10,
        min=0,
        help="Seconds between attempts to connect at start.",
    ),
    cfg.IntOpt(
        "connection_debug",
        default=0,
        help="Logging of SQL: 0 nothing, 50 statements, 100 statements and rows.",
    ),
    cfg.BoolOpt(
        "connection_trace",
        default=False,
        help="Accepted for compatibility with existing configurations, without effect.",
    ),
    cfg.BoolOpt(
        "sync_on_startup",
        default=False,
        help="Migrate the schema when the application starts.",
    ),
    cfg.BoolOpt(
        "request_id_comments",
        default=False,
        help="Begin each statement of a request with a comment that has its id and the "
        "caller's, so that the log and the sessions of the database show them.",
    ),
]
