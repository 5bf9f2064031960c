import datetime

from placement.api import reply

EARLY = datetime.datetime(2020, 1, 1)
LATE = datetime.datetime(2021, 1, 1)


def test_newest_is_the_latest_known_time():
    assert reply.newest([EARLY, None, LATE, EARLY]) == LATE


def test_newest_of_unknown_times_is_the_current_time():
    before = reply.now()

    assert before <= reply.newest([]) <= reply.now()
    assert before <= reply.newest([None]) <= reply.now()


def test_now_is_utc_without_a_time_zone():
    assert reply.now().tzinfo is None
    there = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert abs(there - reply.now()) < datetime.timedelta(minutes=10)


def test_each_kind_of_reply_has_its_status_and_headers():
    assert reply.ok({}, EARLY, "/a") == reply.Reply(200, {}, "/a", EARLY)
    assert reply.created("/a", {}, EARLY) == reply.Reply(201, {}, "/a", EARLY)
    assert reply.no_content(EARLY, "/a") == reply.Reply(204, None, "/a", EARLY)
