"""Rooms, sessions and their viewers: what happens on air.

A host goes live, viewers come over one socket each, watch, comment, like, see what is pinned, and order without leaving
it. `live` stands on orders and knows nothing of who is above it: commands of other packages that arrive over the socket
are registered with the gateway by `millpond`.
"""
