"""What the service offers beside the versioned API, below ``/-/v1/``."""
