"""Results to files: lists, topic maps, reports, figures."""
