"""Fixtures for functional tests."""
