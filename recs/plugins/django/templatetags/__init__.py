"""The tags of the plugin."""
