"""Promises of sharing: who brought whom is written once, found by nobody who guesses, and never lost on the way."""
