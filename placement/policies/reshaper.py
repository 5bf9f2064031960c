"""Rules of the reshaper."""

from placement.policies import base

RESHAPE = "placement:reshaper:reshape"

RULES = [
    base.operation(
        RESHAPE,
        "Move inventories and allocations between resource providers.",
        check=base.SERVICE,
    ),
]
