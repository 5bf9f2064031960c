"""Options of [placement]: how candidates are searched and allocations written."""

from oslo_config import cfg

GROUP = cfg.OptGroup("placement", title="Candidates and allocations")

NOBODY = "00000000-0000-0000-0000-000000000000"

OPTIONS = [
    cfg.BoolOpt(
        "randomize_allocation_candidates",
        default=False,
        help="Answer with candidates in random order. False: the same database "
        "gives the same candidates in the same order.",
    ),
    cfg.IntOpt(
        "max_allocation_candidates",
        default=-1,
        help="How many candidates one search makes at the most, before the limit "
        "of the request is applied. -1: any number.",
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
        help="Which candidates are made when max_allocation_candidates does not let "
        "all of them be made.",
    ),
    cfg.FloatOpt(
        "candidates_search_seconds_max",
        default=30.0,
        min=0.1,
        help="For how many seconds one search may combine groups, and for how many it "
        "may wait for the database. A search that would take longer is refused with "
        "400. The database ends a statement of a search, or of a listing of providers, "
        "after that time, also when its client is gone.",
    ),
    cfg.IntOpt(
        "allocation_conflict_retry_count",
        default=10,
        help="How often a write of allocations is tried again when another writer "
        "has changed a provider in between.",
    ),
    cfg.StrOpt(
        "incomplete_consumer_project_id",
        default=NOBODY,
        help="Project of consumers whose project is not known: those made below "
        "microversion 1.8, and those that the online data migration "
        "create_incomplete_consumers makes.",
    ),
    cfg.StrOpt(
        "incomplete_consumer_user_id",
        default=NOBODY,
        help="User of consumers whose user is not known; see "
        "incomplete_consumer_project_id.",
    ),
]
