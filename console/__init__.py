"""The operator's view across packages: reads everything, owns no state.

`console.audit.audit` recomputes a sale from tables and gate, and says what holds.
"""
