import pytest

from placement import uuids

STORED = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"


@pytest.mark.parametrize(
    "text",
    [
        STORED,
        STORED.upper(),
        STORED.replace("-", ""),
        f"{{{STORED}}}",
        f"urn:uuid:{STORED}",
        "a0b4-d1c86a0e4d0b9c1e0d4f6f1a7b01",
    ],
)
def test_every_notation_has_one_canonical_form(text):
    assert uuids.canonical(text) == STORED
    assert uuids.canonical_or_same(text) == STORED
    assert uuids.packed(text) == bytes.fromhex(STORED.replace("-", ""))


@pytest.mark.parametrize(
    "text",
    ["", "-", "host-one", STORED[:-1], f"{STORED}0", STORED[:-1] + "g", "٣" * 32],
)
def test_other_text_has_no_canonical_form(text):
    assert uuids.canonical(text) is None
    assert uuids.canonical_or_same(text) == text
    assert uuids.packed(text) is None
