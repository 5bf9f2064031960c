"""Rules of the reshaper."""

from placement.policies import base

RESHAPE = "placement:reshaper:reshape"

RULES = [
    base.rule(
        RESHAPE,
        "Move inventories and allocations between resource providers.",
        check=base.SERVICE,
    ),
]
