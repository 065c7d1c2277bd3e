"""Promises of the room: what is on air is true on every screen, and who comes back has missed nothing that matters."""
