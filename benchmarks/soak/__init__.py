"""A long run of a realistic mix at a steady rate: latency, memory, wrong answers."""

from benchmarks.soak.running import Plan, Result
from benchmarks.soak.running import soak as run
from benchmarks.soak.tables import document, markdown

__all__ = ["Plan", "Result", "document", "markdown", "run"]
