import pytest

from placement.api import accept

JSON, HTML = "application/json", "text/html"


@pytest.mark.parametrize(
    ("header", "best"),
    [
        (None, JSON),
        ("*/*", JSON),
        (HTML, HTML),
        (f"{JSON};q=0.1, {HTML};q=0.2", HTML),
        (f"{JSON};q=0, */*", HTML),
        ("image/png", None),
    ],
)
def test_the_best_offer_is_the_preferred_one_or_else_the_first(header, best):
    assert accept.best_offer(header, JSON, HTML) == best
