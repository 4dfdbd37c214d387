"""What verbs share: options and their values, progress and tables on a terminal, and runs that are repeated."""
