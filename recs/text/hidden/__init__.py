"""What an author hid in a text: comments, hidden elements and blocks."""
