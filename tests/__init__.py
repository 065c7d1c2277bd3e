"""Promises, kept against real engines. Folders mirror the packages; `house` holds the style, tested."""
