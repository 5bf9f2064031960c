"""The Flask application: everything that is not the versioned API, by blueprint."""
