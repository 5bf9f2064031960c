"""This machine as resource providers."""
