"""Results in PostgreSQL: versions that are published in one step, and search and related lists from there."""
