"""Promises of the operator's view: an audit sees every breach that can be planted, and none where there is none."""
