"""How many more consumers of a request fit; ``read.count`` is the entry."""
