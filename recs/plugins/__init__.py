"""CMS plugins. Each imports the public face of recs and `recs.contract` alone (docs/plugins.md)."""
