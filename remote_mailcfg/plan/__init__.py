"""Desired against actual, as data."""
