"""The cloud of ``placement demo``: hosts, instances, and commands to try."""
