"""What stands behind `recs.cluster`: graph, cores, granularity, assignment, phrases, the saved result."""
