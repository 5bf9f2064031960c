"""Pick candidates in one snapshot of the database, with as few reads as possible."""

import collections.abc
import contextlib
import time
import typing

import sqlalchemy as sa

from placement.candidates.explain import explanation
from placement.candidates.pick import known
from placement.candidates.pick.asked import PAGE_MIN
from placement.candidates.pick.model import Picked, Preferences, Wanted
from placement.candidates.pick.picker import NothingFitsError, Picker, Refused
from placement.candidates.search import cache_of, first_values, hosts_of
from placement.candidates.source import scan
from placement.candidates.source.cache import TreeCache
from placement.candidates.source.trees import page_from
from placement.candidates.sql import statements
from placement.candidates.sql.reader import (
    Prefetch,
    Read,
    Reader,
    SnapshotRequiredError,
    has_fast_batches,
)
from placement.db import postgresql
from placement.objects import hold

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

_ANY_EXPIRED = Read.of(hold.ANY_EXPIRED)

# Providers that have changed within this time come with their details.
_DETAILS_MICROSECONDS = 60_000_000

# Trees of the first page where no host is known yet.
_UNKNOWN_PAGE_MIN = 64


def pick(
    conn: sa.Connection,
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    refused: Refused,
) -> list[Picked]:
    """Return a candidate for each of ``wanted``, in their order.

    All of them fit at the same time, in one snapshot of the database. A root of
    ``refused`` is left out while it is as it was then.

    Raises NothingFitsError; what ``search`` raises; UnknownExcludedRoot; UnknownTraits
    and GroupPolicyConflict.
    """
    if not preferences.is_ranked:
        if _fitted_nothing(context, wanted, preferences, refused):
            return pick_or_explain(conn, context, wanted, preferences, refused)
        return _pick(conn, context, wanted, preferences, refused)
    hosts, arrived = hosts_of(context), time.monotonic()
    with hosts.lock:
        latest = hosts.latest
        # What a replica shows is only as new as the request that has read it.
        if latest is not None and latest.time > arrived and context.replica is None:
            # Another request has read all hosts while this one waited.
            with contextlib.suppress(SnapshotRequiredError):
                reader = Reader.of_values(latest.values)
                picker = Picker(reader, context, preferences, refused, PAGE_MIN)
                return picker.run(wanted)
        return _pick(conn, context, wanted, preferences, refused)


def _fitted_nothing(
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    refused: Refused,
) -> bool:
    """Nothing fitted when all hosts were compared last, so all have to be read again.

    False: something did, or it is unknown without reading.
    """
    hosts = hosts_of(context)
    # Who holds the lock may be reading, which takes longer than what this can save.
    if hosts.latest is None or not hosts.lock.acquire(blocking=False):
        return False
    try:
        if hosts.latest is None:
            return False
        reader = Reader.of_values(hosts.latest.values)
        picker = Picker(
            reader, context, preferences, refused, PAGE_MIN, compares_all=True
        )
        picker.run(wanted)
    except NothingFitsError:
        return True
    except SnapshotRequiredError:
        return False
    finally:
        hosts.lock.release()
    return False


def _pick(
    conn: sa.Connection,
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    refused: Refused,
) -> list[Picked]:
    page_min, prefetch = PAGE_MIN, None
    batches = cache_of(context).batches
    if has_fast_batches(conn):
        page_min = _page_min(cache_of(context), wanted, preferences)
        prefetch = _prefetch(context, wanted, preferences, page_min)

    def pick_by(reader: Reader) -> list[Picked]:
        return Picker(reader, context, preferences, refused, page_min).run(wanted)

    # Pages of unknown hosts take more than a batch.
    if prefetch is not None and page_min == PAGE_MIN:
        with (
            postgresql.autocommit(conn) as is_autocommit,
            contextlib.suppress(SnapshotRequiredError),
        ):
            if is_autocommit:
                return pick_by(Reader(conn, prefetch, batches, only_batch=True))
        if not preferences.is_ranked and hosts_of(context).latest is not None:
            return pick_or_explain(conn, context, wanted, preferences, refused)
    return pick_by(Reader(conn, prefetch, batches))


def pick_or_explain(
    conn: sa.Connection,
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    refused: Refused,
) -> list[Picked]:
    """Do what ``pick`` does, and explain why nothing fits.

    All hosts are compared by arrays where there can be any.
    """
    with contextlib.ExitStack() as locked:
        cache, hosts = cache_of(context), hosts_of(context)
        locked.enter_context(hosts.lock)
        values = [*first_values(wanted[0].request, cache), _ANY_EXPIRED]
        reader = Reader(conn, hosts.prefetch(values), cache.batches)
        picker = Picker(
            reader, context, preferences, refused, PAGE_MIN, compares_all=True
        )
        try:
            return picker.run(wanted)
        except NothingFitsError as nothing:
            nothing.is_hold_expired = reader.value(_ANY_EXPIRED) is not None
            if not refused and not nothing.is_hold_expired:
                nothing.explanation = explanation.explain_snapshot(
                    context, reader, nothing.wanted.request, locked.close
                )
            raise


def _page_min(
    cache: TreeCache,
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
) -> int:
    """Return the number of trees to read; more if that helps to know all hosts soon."""
    is_new = (
        cache.tree_size == 1
        and known.is_possible(wanted, preferences)
        and not cache.known.has(known.place_of(wanted[0]))
    )
    return _UNKNOWN_PAGE_MIN if is_new else PAGE_MIN


def _prefetch(
    context: "RequestContext",
    wanted: collections.abc.Sequence[Wanted],
    preferences: Preferences,
    page_min: int,
) -> Prefetch | None:
    """Return what a pick reads if the first page is enough; None: it is probably not.

    Providers that have changed lately come with their details.
    """
    cache, request = cache_of(context), wanted[0].request
    if (
        preferences.group is not None
        or preferences.excluded
        or len({one.query for one in wanted}) > 1
    ):
        return None
    values = first_values(request, cache)
    if preferences.is_ranked:
        return hosts_of(context).prefetch(values)
    if cache.tree_size is None:
        return None
    values += [statements.any_nested(), statements.greatest_id()]
    page = scan.first_page(len(wanted), cache.tree_size, page_min)
    return Prefetch(
        tuple(values),
        page_from(known.place_of(wanted[0]), page.provider_count),
        max(0, cache.newest_picked - _DETAILS_MICROSECONDS),
    )
