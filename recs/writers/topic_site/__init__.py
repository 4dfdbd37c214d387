"""Topics as pages, feeds and data that a site owner publishes."""
