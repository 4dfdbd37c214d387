"""What stands behind `recs.related`: signals, fusion, rules, explanation, earlier lists, the re-ranker."""
