"""Placement: what resources a cloud has, and who uses them."""
