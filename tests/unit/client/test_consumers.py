"""Operations on many consumers."""

import datetime
import uuid

import pytest

from placement import client
from placement.client import consumers as operations
from tests.unit import in_process

MADE = [str(uuid.UUID(int=number)) for number in range(1, 6)]


@pytest.fixture
def api(tmp_path):
    """A client of a service with a host and five consumers."""
    made = client.Client(client.WSGITransport(in_process.application(tmp_path)))
    host = made.create_provider("host").uuid
    made.replace_inventories(host, client.Inventories(0, {"VCPU": client.Inventory(9)}))
    for each in MADE:
        held = client.Allocations({host: {"VCPU": 1}}, None, "p", "u", "INSTANCE")
        made.replace_allocations(each, held)
    return made


@pytest.mark.parametrize("is_one_snapshot", [False, True])
def test_consumers_are_read_in_several_requests(api, monkeypatch, is_one_snapshot):
    monkeypatch.setattr(operations, "UUIDS_MAX", 2)
    unknown = uuid.UUID(int=99)

    found = api.read_consumers(
        uuids=[*MADE[:4], unknown], is_one_snapshot=is_one_snapshot
    )

    assert [each.uuid for each in found] == MADE[:4]
    every = list(api.read_consumers(is_one_snapshot=is_one_snapshot))
    assert [each.uuid for each in every] == MADE
    (share,) = every[0].by_provider.values()
    assert share == ("host", {"VCPU": 1})
    assert every[0].created_at.tzinfo == datetime.UTC
    assert every[0].expires_at is None


def test_a_document_of_a_consumer_is_that_of_the_service(api):
    page = api.request("GET", "/-/v1/consumers").json()["consumers"]

    read = [client.ConsumerDetails.from_document(each) for each in page]

    assert [each.to_document() for each in read] == page


def test_times_of_filters_need_a_zone(api):
    now = datetime.datetime.now(datetime.UTC)
    later = now + datetime.timedelta(hours=1)
    filters = client.ConsumerFilters

    assert len(list(api.read_consumers(filters(created_before=later)))) == 5
    before = filters(updated_before=now - datetime.timedelta(days=1))
    assert api.audit_consumers([], before, older_than_seconds=0).consumers == 0
    with pytest.raises(ValueError, match="zone"):
        list(api.read_consumers(filters(created_before=now.replace(tzinfo=None))))


def test_an_audit_takes_uuids_in_any_form(api):
    live = [uuid.UUID(MADE[0]), MADE[1].replace("-", ""), str(uuid.UUID(int=99))]

    found = api.audit_consumers(live, older_than_seconds=0)

    assert [each.uuid for each in found.orphans] == MADE[2:]
    assert (found.live, found.consumers) == (3, 5)
    assert found.without_allocations == [live[2]]
    with pytest.raises(TypeError):
        api.audit_consumers(MADE[0])


def test_a_refused_release_has_the_stored_generations(api):
    unknown = str(uuid.UUID(int=99))

    with pytest.raises(client.ConsumersChanged) as refused:
        api.release_consumers({MADE[0]: 1, MADE[1]: 7, unknown: 1})

    assert refused.value.generations == {MADE[1]: 1, unknown: None}
    assert refused.value.status == 409


def test_a_release_is_recorded(api):
    assert api.release_consumers({MADE[0]: 1}, is_validated_only=True)
    assert list(api.read_releases()) == []

    released = api.release_consumers({MADE[0]: 1, MADE[1]: 1}, "closed")

    assert [each.uuid for each in released] == MADE[:2]
    (record,) = api.read_releases(uuid.UUID(MADE[0]))
    assert (record.consumer, record.reason) == (MADE[0], "closed")
    api.replace_allocations(MADE[0], client.Allocations.from_document(record.restore))
    assert api.get_allocations(MADE[0]).by_provider
    page = api.request("GET", "/-/v1/consumers:releases").json()["releases"]
    assert [each.to_document() for each in api.read_releases()] == page
