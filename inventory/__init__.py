"""Catalogue and stock: sales, claims, the gate (Redis), the ledger (PostgreSQL), and what keeps the two in step."""
