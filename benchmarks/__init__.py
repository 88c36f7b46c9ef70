"""Measurements against the peers, each one command; never part of the tests."""
