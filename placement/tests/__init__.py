"""Fixtures for the test suites of services that use this one.

Module and class names are those that the test suites of Nova and osc-placement import.
The tests of this service are in another directory and are not installed.
"""

import importlib

# Import without binding names: this package has its own module ``fixtures``.
for _name in ("fixtures", "testtools", "wsgi_intercept"):
    try:
        importlib.import_module(_name)
    except ImportError as missing:
        raise ImportError(
            f"The fixtures of placement.tests need {_name}: "
            "pip install 'standalone-placement[fixtures]'",
            name=_name,
        ) from missing
