"""Reads feeds: RSS, RDF, Atom and CDF."""
