"""Maps of topics: places for items, near those that are similar, and colours that tell neighbours apart."""
