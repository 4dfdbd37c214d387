"""The modules behind `recs.related`, whose docstring shows them in order."""
