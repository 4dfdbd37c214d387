"""Finds what an author hid in a text: comments, hidden elements and hidden blocks."""
