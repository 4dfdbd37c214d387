"""Decides whether an item may be shown: the table of fields, how their values are read, and the verdict."""
