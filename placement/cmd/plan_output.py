"""The options of what-if, and the plan that it answers with, for people."""

import collections
import typing

import click

from placement.cmd import output

if typing.TYPE_CHECKING:
    from placement.client import WhatIf

_Command = typing.TypeVar("_Command", bound=typing.Callable[..., typing.Any])

_CAUSES = {
    "not_offered": "no other host has these resource classes",
    "excluded": "the other hosts lack a trait, or are outside of the aggregate",
    "too_large": "it would not fit on any other host, even if that was empty",
    "full": "no other host has room",
    "cordoned": "only hosts that are not in service have room",
    "does_not_combine": "no other host has a place like the one it leaves",
    "together": "it fits, but not beside the others",
    "no_plan": "no place was found",
}


_RESTRICTIONS = (
    click.option(
        "--within",
        metavar="AGGREGATE",
        help="Uuid of an aggregate: plan only with its hosts.",
    ),
    click.option(
        "--keep-trait",
        "keep_traits",
        multiple=True,
        metavar="PATTERN",
        help="Plan only with providers that have those traits of the present ones that "
        "match, such as 'HW_GPU_*'; can be repeated.",
    ),
)


def restrictions(command: _Command) -> _Command:
    """Add the options ``within`` and ``keep_traits`` to a command."""
    for option in reversed(_RESTRICTIONS):
        command = option(command)
    return command


def print_plan(plan: "WhatIf") -> None:
    """Print the answer, where consumers can go, and which of them have no place."""
    click.echo(f"{plan.answer}: {plan.summary}.")
    names = {each.from_name for each in plan.moves}
    names |= {each.from_name for each in plan.unplaced}
    # The column is left out if all of them leave the same host.
    has_host = len(names) > 1
    if plan.moves:
        rows = [["from", "consumer", "to", "resources"]]
        for move in plan.moves:
            held = _amounts(_total(move.by_provider.values()))
            rows.append([move.from_name, move.consumer, move.to_name, held])
        _print_rows(rows, has_host=has_host)
    if plan.unplaced:
        rows = [["from", "consumer", "resources", "no place because"]]
        for each in plan.unplaced:
            cause = _CAUSES.get(each.cause, each.cause)
            held = _amounts(each.resources)
            rows.append([each.from_name, each.consumer, held, cause])
        _print_rows(rows, has_host=has_host)


def _print_rows(rows: list[list[str]], *, has_host: bool) -> None:
    click.echo()
    output.print_rows(rows if has_host else [row[1:] for row in rows])


def _total(
    by_provider: typing.Iterable[typing.Mapping[str, int]],
) -> dict[str, int]:
    total: collections.Counter[str] = collections.Counter()
    for resources in by_provider:
        total.update(resources)
    return total


def _amounts(resources: typing.Mapping[str, int]) -> str:
    return " ".join(f"{name}={amount}" for name, amount in sorted(resources.items()))
