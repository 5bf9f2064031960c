import inspect

import pytest

from placement import exception, extension_exception
from placement.middleware import fault_wrap

ALL = [
    each
    for module in (exception, extension_exception)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if issubclass(each, exception.PlacementError)
]

CODES = {
    "ConcurrentUpdate": "placement.concurrent_update",
    "ConsumerGenerationConflict": "placement.concurrent_update",
    "InventoryExists": "placement.concurrent_update",
    "StaleGeneration": "placement.concurrent_update",
    "InventoryInUse": "placement.inventory.inuse",
    "InventoryUpdateInUse": "placement.inventory.inuse",
    "DuplicateName": "placement.duplicate_name",
    "ResourceProviderInUse": "placement.resource_provider.inuse",
    "CannotDeleteParent": "placement.resource_provider.cannot_delete_parent",
    "ReshapedProviderNotFound": "placement.resource_provider.not_found",
    "QueryDuplicateKey": "placement.query.duplicate_key",
    "QueryBadValue": "placement.query.bad_value",
    "QueryMissingValue": "placement.query.missing_value",
    "PageTokenInvalid": "placement.ext.page_token",
    "ProviderNotInService": "placement.ext.cordoned",
    "NamedRequestInvalid": "placement.ext.query",
    "DuplicateRequestName": "placement.ext.duplicate_name",
    "ConsumerExists": "placement.ext.consumer_exists",
    "ConsumersChanged": "placement.ext.consumers_changed",
    "DuplicateConsumer": "placement.ext.duplicate_consumer",
    "GroupPolicyConflict": "placement.ext.group_policy",
    "HoldNotFound": "placement.ext.hold_not_found",
    "IdempotencyKeyReused": "placement.ext.idempotency_key",
    "KeyInProgress": "placement.ext.key_in_progress",
    "NoCandidate": "placement.ext.no_candidate",
    "UnknownExcludedRoot": "placement.ext.unknown_root",
    "UnknownLostRoot": "placement.ext.unknown_root",
    "AnalysisTooLarge": "placement.ext.too_large",
    "UnknownPreferredTraits": "placement.ext.unknown_trait",
    "UnknownRoot": "placement.ext.unknown_root",
    "UnknownTraits": "placement.ext.unknown_trait",
    "ProviderInOtherTree": "placement.ext.other_tree",
    "UnknownTraitsOfProvider": "placement.ext.unknown_trait",
    "ChangesDisabled": "placement.ext.disabled",
    "ChangesCompacted": "placement.ext.compacted",
    "ResultTooLarge": "placement.ext.too_large",
    "LinkNotFound": "placement.ext.link_not_found",
    "LimitExceeded": "placement.ext.limit_exceeded",
}

# Failures at start have no status, and the base class has no kind.
WITHOUT_KIND = {exception.PlacementError, exception.ConfigurationError}


@pytest.mark.parametrize("failure", ALL)
def test_a_failure_has_its_code(failure):
    assert failure.code == CODES.get(failure.__name__, "placement.undefined_code")


@pytest.mark.parametrize("failure", ALL)
def test_a_failure_has_exactly_one_kind(failure):
    kinds = [kind for kind in fault_wrap.STATUS if issubclass(failure, kind)]

    assert len(kinds) == (0 if failure in WITHOUT_KIND else 1)


def test_details_fill_the_message_and_are_kept():
    failure = exception.ResourceProviderNotFound(uuid="{x}")

    assert str(failure) == "No resource provider with uuid {x} found"
    assert failure.details == {"uuid": "{x}"}


@pytest.mark.parametrize(
    ("expected", "given", "text"),
    [
        (3, 2, "expected 3 but got 2"),
        (None, 2, "expected null but got 2"),
        (3, None, "expected 3 but got None"),
    ],
)
def test_consumer_conflicts_have_the_text_that_clients_match(expected, given, text):
    failure = exception.ConsumerGenerationConflict(expected, given)

    assert str(failure) == f"consumer generation conflict - {text}"


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (
            exception.InventoryInUse(uuid="u", resource_classes="VCPU, DISK_GB"),
            "Inventory for 'VCPU, DISK_GB' on resource provider 'u' in use.",
        ),
        (
            exception.InventoryNotFound(uuid="u", resource_class="VCPU"),
            "No inventory of class VCPU for u",
        ),
        (
            exception.InventoryExists(uuid="u", resource_class="VCPU"),
            "Update conflict",
        ),
        (exception.TraitNotFound(names="A"), "No such trait(s): A."),
        (exception.ResourceClassNotFound(name="A"), "No such resource class A"),
        (exception.ConsumerNotFound(uuid="u"), "No allocations for consumer 'u'"),
        (
            exception.PolicyNotAuthorized(rule="a:b"),
            "Policy does not allow a:b to be performed.",
        ),
    ],
)
def test_failures_have_the_text_that_clients_match(failure, text):
    assert text in str(failure)
