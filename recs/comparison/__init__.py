"""Models compared on the user's own collection: what each is worth, what it costs, and whether a switch pays."""
