"""Promises of orders: a clear answer to every request, nothing stored by half, one winner of every race."""
