"""Results as files: related lists, topic maps, reports, tags, figures."""
