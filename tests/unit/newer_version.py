"""A plugin for pytest: the service has one microversion more than it has."""

from placement.api import microversion
from placement.api.microversion import MAX_VERSION, Version

microversion.MAX_VERSION = Version(MAX_VERSION.major, MAX_VERSION.minor + 1)
