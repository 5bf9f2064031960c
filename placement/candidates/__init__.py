"""Which allocations would satisfy a request, and which providers match filters."""
