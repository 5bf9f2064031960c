"""Options of [placement_database]: where things are stored."""

from oslo_config import cfg

GROUP = cfg.OptGroup("placement_database", title="The database")

OPTIONS = [
    cfg.StrOpt(
        "connection",
        secret=True,
        help="SQLAlchemy URL of the database: sqlite:///, postgresql+psycopg2:// or "
        "mysql+pymysql://. Required.",
    ),
    cfg.StrOpt(
        "connection_parameters",
        default="",
        # A driver may take a password there.
        secret=True,
        help="Parameters for the database driver, appended to the URL as its query: "
        "name=value&name=value.",
    ),
    cfg.StrOpt(
        "slave_connection",
        secret=True,
        help="SQLAlchemy URL of a streaming standby of the PostgreSQL that connection "
        "names. It answers what only reads, as long as it has all that was "
        "acknowledged; else connection does. Of another database it is not used.",
    ),
    cfg.BoolOpt(
        "sqlite_synchronous",
        default=True,
        help="SQLite waits until a commit is on the disk. False is faster, and a "
        "power failure may lose or damage the database.",
    ),
    cfg.StrOpt(
        "mysql_sql_mode",
        default="TRADITIONAL",
        help="The sql_mode of every MySQL session. Empty: what the server has set.",
    ),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        help="Age in seconds at which a pooled connection is replaced at its next use.",
    ),
    cfg.IntOpt(
        "max_pool_size",
        help="Connections that a worker keeps open, 0 for any number. Not set: what "
        "SQLAlchemy has as its default, but if max_overflow is not set either, the "
        "defaults of both together are kept.",
    ),
    cfg.IntOpt(
        "max_overflow",
        help="Connections that a worker may open beyond max_pool_size when it is "
        "busy. Not set: what SQLAlchemy has as its default.",
    ),
    cfg.IntOpt(
        "pool_timeout",
        help="Seconds that a request waits for a free connection. Not set: what "
        "SQLAlchemy has as its default.",
    ),
    cfg.IntOpt(
        "max_retries",
        default=10,
        help="How often connecting is tried again when the database cannot be "
        "reached at start. -1: for ever.",
    ),
    cfg.IntOpt(
        "retry_interval",
        default=10,
        min=0,
        help="Seconds between two tries to connect at start.",
    ),
    cfg.IntOpt(
        "connection_debug",
        default=0,
        help="What is logged of the SQL: 0 nothing, 50 statements, 100 statements "
        "and rows.",
    ),
    cfg.BoolOpt(
        "connection_trace",
        default=False,
        help="Put the Python call stack into the SQL as a comment. Accepted for the "
        "sake of existing configurations; it has no effect.",
    ),
    cfg.BoolOpt(
        "sync_on_startup",
        default=False,
        help="Migrate the schema when the application starts.",
    ),
]
