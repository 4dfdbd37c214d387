"""Sources to items: one file a format, and what the fields of a record say."""
