"""Promises of what every package stands on: time, ids, errors, batches, storage access."""
