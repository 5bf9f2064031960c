"""JSON schemas of bodies and query strings, by version.

One module per resource of the API; ``validation`` applies them.
"""
