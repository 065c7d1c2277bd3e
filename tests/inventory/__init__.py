"""Promises of stock: nothing is oversold, nothing leaks, the two stores agree."""
