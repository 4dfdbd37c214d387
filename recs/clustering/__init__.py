"""The modules behind `recs.cluster`, whose docstring shows them in order; and `layout`, the map of a clustering."""
