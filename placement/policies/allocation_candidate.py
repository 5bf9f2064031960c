"""Rules of allocation candidates."""

from placement.policies import base

LIST = "placement:allocation_candidates:list"

RULES = [
    base.rule(LIST, "Search for allocation candidates."),
]
