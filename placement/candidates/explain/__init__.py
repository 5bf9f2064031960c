"""Why a request has no candidates, or too few, or none on one host."""
