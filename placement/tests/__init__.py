"""Fixtures for the test suites of services that use this one.

They have the module and class names that the suites of Nova and of osc-placement
import. The tests of this service itself are elsewhere and are not installed.
"""

import importlib

# Imported without binding a name: the module ``fixtures`` of this package is another.
for _name in ("fixtures", "testtools", "wsgi_intercept"):
    try:
        importlib.import_module(_name)
    except ImportError as missing:
        raise ImportError(
            f"The fixtures of placement.tests need {_name}: "
            "pip install 'standalone-placement[fixtures]'",
            name=_name,
        ) from missing
