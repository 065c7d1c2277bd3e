"""Promises of the operator's view: an audit sees every breach that can be planted, and no breach where there is none."""
