import pytest

from placement import exception
from placement.api import microversion
from placement.api.microversion import MAX_VERSION, MIN_VERSION, Version

BEYOND = f"1.{MAX_VERSION.minor + 1}"


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, (1, 0)),
        ("", (1, 0)),
        ("placement 1.0", (1, 0)),
        ("placement 1.38", (1, 38)),
        ("placement latest", MAX_VERSION),
        ("PlaceMent 1.10", (1, 10)),
        ("  placement    1.10  ", (1, 10)),
        ("placement\t1.10", (1, 10)),
        ("placement 01.05", (1, 5)),
        ("compute 2.90", (1, 0)),
        ("compute 2.90, placement 1.30", (1, 30)),
        ("placement 1.30, placement 1.2", (1, 2)),
        ("placement 1.30, placement", (1, 30)),
        ("placement", (1, 0)),
        ("placement 1.30,", (1, 30)),
    ],
)
def test_the_last_entry_for_placement_counts(header, version):
    assert microversion.requested(header) == version


@pytest.mark.parametrize(
    "given", ["1", "1.x", "1.2.3", "pony.horse", "1. 2", "LATEST", "1.٣"]
)
def test_a_version_that_is_not_a_pair_of_numbers_is_a_bad_request(given):
    with pytest.raises(exception.BadRequest) as refused:
        microversion.requested(f"placement {given}")

    assert f"invalid version string: {given}" in str(refused.value)


@pytest.mark.parametrize("given", ["-1.2", "0.9", BEYOND, "2.0", "1." + "9" * 5000])
def test_an_unsupported_version_is_not_acceptable(given):
    with pytest.raises(exception.VersionNotAcceptable) as refused:
        microversion.requested(f"placement {given}")

    assert f"Unacceptable version header: {given[:200]}" in str(refused.value)


def test_a_version_is_formatted_as_major_and_minor():
    assert str(Version(1, 5)) == "1.5"
    assert str(MIN_VERSION) == "1.0"


@pytest.mark.parametrize(
    ("version", "since", "until", "matches"),
    [
        ((1, 7), (1, 7), None, True),
        ((1, 6), (1, 7), None, False),
        ((1, 10), (1, 9), None, True),
        ((1, 9), (1, 2), (1, 9), True),
        ((1, 10), (1, 2), (1, 9), False),
    ],
)
def test_a_version_matches_a_range_with_both_ends(version, since, until, matches):
    assert Version(*version).matches(since, until) is matches
