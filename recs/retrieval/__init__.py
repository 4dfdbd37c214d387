"""Search: scores of items and passages for a query, filters, context for a language model, the folder of an index."""
