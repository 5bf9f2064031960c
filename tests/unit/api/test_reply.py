import datetime

from placement.api import reply

EARLY = datetime.datetime(2020, 1, 1)
LATE = datetime.datetime(2021, 1, 1)


def test_the_newest_time_that_is_known_counts():
    assert reply.newest([EARLY, None, LATE, EARLY]) == LATE


def test_without_a_known_time_it_is_the_present_one():
    before = reply.now()

    assert before <= reply.newest([]) <= reply.now()
    assert before <= reply.newest([None]) <= reply.now()


def test_the_present_time_is_utc_without_a_zone():
    assert reply.now().tzinfo is None
    there = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert abs(there - reply.now()) < datetime.timedelta(minutes=10)


def test_what_each_kind_of_reply_has():
    assert reply.ok({}, EARLY, "/a") == reply.Reply(200, {}, "/a", EARLY)
    assert reply.created("/a", {}, EARLY) == reply.Reply(201, {}, "/a", EARLY)
    assert reply.no_content(EARLY, "/a") == reply.Reply(204, None, "/a", EARLY)
