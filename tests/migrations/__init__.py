"""Promises of the database's history: one line, forward only, safe to repeat and to run twice at once."""
