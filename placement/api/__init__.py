"""The versioned API.

``routes``, ``dispatch`` and ``openapi`` know the handlers. The other modules are what
handlers are written with, and import none of them.
"""
