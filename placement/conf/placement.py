"""Options of [placement]: searches for candidates and writes of allocations."""

from oslo_config import cfg

GROUP = cfg.OptGroup("placement", title="Candidates and allocations")

_UNKNOWN = "00000000-0000-0000-0000-000000000000"

OPTIONS = [
    cfg.BoolOpt(
        "randomize_allocation_candidates",
        default=False,
        help="Return candidates in random order. False: the same database gives the "
        "same candidates in the same order.",
    ),
    cfg.IntOpt(
        "max_allocation_candidates",
        default=-1,
        help="Maximum number of candidates of one search, applied before the limit of "
        "the request. -1: no limit.",
    ),
    cfg.StrOpt(
        "allocation_candidates_generation_strategy",
        default="depth-first",
        choices=[
            (
                "depth-first",
                "All candidates of one root provider before those of the next.",
            ),
            ("breadth-first", "One candidate of each root provider in turn."),
        ],
        help="Order in which candidates are generated. It decides which ones are "
        "returned if a limit applies. Not set: breadth-first if a limit applies.",
    ),
    cfg.FloatOpt(
        "candidates_search_seconds_max",
        default=30.0,
        min=0.1,
        help="Maximum seconds for combining groups, and for waiting for the database, "
        "in one search. A search that exceeds it is refused with 400. The database "
        "cancels statements of searches and of lists of providers after that time, "
        "even if the client is gone. A lower limit of the database, statement_timeout "
        "or max_statement_time, takes precedence.",
    ),
    cfg.IntOpt(
        "search_cache_megabytes",
        default=64,
        min=1,
        help="Memory in MiB that one worker uses to cache provider trees between "
        "searches. A provider takes about 2 kB; trees that do not fit are read again.",
    ),
    cfg.IntOpt(
        "allocation_conflict_retry_count",
        default=10,
        help="Maximum number of retries of a write of allocations if other writers "
        "change the same providers.",
    ),
    cfg.StrOpt(
        "incomplete_consumer_project_id",
        default=_UNKNOWN,
        help="Project of consumers without a known project: those created with a "
        "microversion before 1.8 or by the online data migration "
        "create_incomplete_consumers.",
    ),
    cfg.StrOpt(
        "incomplete_consumer_user_id",
        default=_UNKNOWN,
        help="User of consumers without a known user; see "
        "incomplete_consumer_project_id.",
    ),
]
