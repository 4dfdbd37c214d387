"""Turns sources into items: one module for each format, and modules for the fields of a record."""
