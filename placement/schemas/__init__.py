"""What bodies and query strings must look like, by version.

One module per resource of the API; ``validation`` checks.
"""
