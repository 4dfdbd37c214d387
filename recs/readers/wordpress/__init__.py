"""Reads what WordPress writes: its export file, and the answers of its REST API."""
