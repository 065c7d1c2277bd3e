"""Whole sales, from the first draft to the last unit back on the shelf."""
