"""Pick candidates for consumers, and claim them."""
