"""Filters of a search; related lists share them, so they are in `recs.filters`."""

from recs.filters import NAMES, Where, allowed

__all__ = ["NAMES", "Where", "allowed"]
