"""What every package stands on, with no word of commerce in it: time, ids, errors, batching, storage access."""
