"""Topics that go on from run to run: what of an earlier run stays, what moves, what is new, and what changed."""
