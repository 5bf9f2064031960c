"""Why a request has no candidates, or so few, or none on one host."""
