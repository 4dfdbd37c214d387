"""The map of topics: as one HTML page, and as a picture."""
