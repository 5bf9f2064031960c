"""Find out whether the consumers of lost hosts fit on the other hosts."""
