"""``placement drain``: cordon a host, and plan where its consumers can go."""

import time
import typing

import click

from placement.cmd import output, plan_output, progress
from placement.cmd.connection import Connection, pass_connection
from placement.cmd.failures import InvalidRequest, NotPossibleNow
from placement.cmd.naming import find_provider

if typing.TYPE_CHECKING:
    from placement.client import Client, Provider, ProviderState, WhatIf

# Seconds between two checks whether the host is empty.
_INTERVAL_SECONDS = 5.0

_NEXT = """\
Placement moves nothing by itself. With Nova, move each server away now, for example:
  openstack server migrate --live-migration --os-compute-api-version 2.30 \
--host TARGET SERVER
A consumer is the server with the same uuid. Without --host, Nova chooses the target;
it does not choose a host that is cordoned. Servers without a place must wait, or stop.\
"""


@click.command()
@click.argument("host")
@click.option("--reason", default="", metavar="TEXT", help="Text for people.")
@plan_output.restrictions
@click.option("--plan-only", is_flag=True, help="Only plan; do not cordon the host.")
@click.option("--wait", "is_waiting", is_flag=True, help="Wait until it is empty.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With --wait: give up after SECONDS; by default never.",
)
@output.json_option
@pass_connection
def drain(
    connection: Connection,
    /,
    *,
    host: str,
    reason: str,
    plan_only: bool,
    is_waiting: bool,
    timeout_seconds: float | None,
    is_json: bool,
    **restrictions: typing.Any,
) -> None:
    """Cordon HOST, a name or uuid of a root, and plan where its consumers can go.

    Moves nothing and releases nothing: that is done with Nova, or whatever has claimed.
    The plan is made from the amounts that consumers hold, because Placement does not
    know what they had asked for. The exit status is 1 if not all consumers have a
    place, or are still there when the time is up.
    """
    if plan_only and (is_waiting or reason):
        raise click.UsageError("--plan-only excludes --wait and --reason.")
    if timeout_seconds is not None and not is_waiting:
        raise click.UsageError("--timeout needs --wait.")
    client = connection.client()
    provider = _find_root(client, host)
    # Before the plan, so that nothing arrives meanwhile.
    state = None if plan_only else _cordon(client, provider, reason)
    plan = client.what_if_lost([provider.uuid], **restrictions)
    if is_json:
        output.print_json({"state": state and state.state, **plan.document})
    else:
        _print(provider, state, plan)
    if is_waiting:
        _wait(client, provider, timeout_seconds)
        if not is_json:
            click.echo(f"{provider.name} is empty.")
    elif plan.answer != "yes":
        raise NotPossibleNow(f"Not all consumers of {provider.name} have a place.")


def _find_root(client: "Client", host: str) -> "Provider":
    found = find_provider(client, host)
    if found.parent_uuid is not None:
        raise InvalidRequest(
            f"{found.name} is part of a tree. Only whole trees can be drained: name "
            f"the root, {found.root_uuid}."
        )
    return found


def _cordon(client: "Client", provider: "Provider", reason: str) -> "ProviderState":
    """Take the tree out of service; a root that is so already keeps its state."""
    from placement.client.states import CORDONED  # noqa: PLC0415 - slow

    now = client.get_provider_state(provider.uuid)
    return client.set_provider_state(
        provider.uuid,
        CORDONED if now.is_in_service else now.state,
        reason=reason or ("" if now.is_in_service else now.reason),
        until=None if now.is_in_service else now.until,
    )


def _print(provider: "Provider", state: "ProviderState | None", plan: "WhatIf") -> None:
    if state is not None:
        click.echo(f"{provider.name} ({provider.uuid}) is {state.state}.")
    plan_output.print_plan(plan)
    if plan.consumers:
        click.echo()
        click.echo(_NEXT)


def _wait(client: "Client", provider: "Provider", timeout: float | None) -> None:
    """Return when no consumer holds anything in the tree."""
    end = None if timeout is None else time.monotonic() + timeout
    with progress.shown(f"{provider.name}: consumers that have left") as report:
        most = 0
        while left := _count_left(client, provider):
            most = max(most, left)
            report(most - left, most)
            pause = _INTERVAL_SECONDS
            if end is not None:
                pause = min(pause, end - time.monotonic())
            if pause < 0:
                raise NotPossibleNow(
                    f"{output.counted(left, 'consumer')} left on {provider.name}."
                )
            time.sleep(pause)


def _count_left(client: "Client", provider: "Provider") -> int:
    tree = client.read_providers(["allocations"], provider.uuid, state="any")
    return len({consumer for each in tree for consumer in each.allocations})
