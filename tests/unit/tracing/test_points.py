import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace import TracerProvider

from placement import tracing
from placement.db import batch
from placement.tracing import points, setup, spans


def functions():
    return [getattr(*spans._place(point)) for point in points.POINTS]


def test_every_marked_function_is_replaced_and_restored():
    before = functions()
    setup.turn_on_with(TracerProvider())
    during = functions()
    setup.turn_off()

    assert len(before) >= 9
    assert functions() == before
    assert not set(during) & set(before)


def test_a_mark_changes_nothing():
    count = len(points.POINTS)

    def function():
        pass

    try:
        assert points.traced("x")(function) is function
    finally:
        del points.POINTS[count:]


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


@pytest.mark.parametrize(
    ("enabled", "environ", "is_on"),
    [
        (None, {}, False),
        (True, {}, True),
        (None, ENDPOINT, True),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        (None, {"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (None, {"OTEL_TRACES_EXPORTER": "console"}, False),
        (None, {"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, False),
        (False, ENDPOINT, False),
        (True, {"OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_option_or_the_environment_turns_tracing_on(enabled, environ, is_on):
    assert tracing.is_on(enabled, environ) is is_on


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT a FROM traits, projects JOIN traits", "SELECT traits projects"),
        ("WITH x AS (SELECT 1 FROM inventories) SELECT 2", "WITH inventories"),
        ("INSERT INTO users (external_id) VALUES ('users')", "INSERT users"),
        ("BEGIN IMMEDIATE", "BEGIN"),
        ("  commit", "commit"),
    ],
)
def test_a_summary_has_the_operation_and_the_tables(statement, summary):
    assert spans.summary(statement) == summary


def test_the_summary_of_a_batch_has_those_of_its_statements():
    statements = [sa.text("UPDATE inventories SET used = 1"), batch.required(sa.true())]

    assert spans.batch_summary(statements) == "UPDATE inventories; SELECT"
    assert spans.batch_summary(statements * 4).endswith("; ...")
