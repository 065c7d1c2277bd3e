"""Promises of the composition: engines, settings, supervisor."""
