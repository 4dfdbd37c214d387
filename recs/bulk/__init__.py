"""Collections that are too large for one process: work in shards, by processes of this machine or by Ray.

shards      a table for each shard, written whole, and found again by the next run
runners     processes of this machine
ray_runner  a cluster of Ray; ray_connection joins it
run         the folder of a run, named by all that it depends on
folder      arrays of all items, as memory maps
store       items as shards
vectors     the vectors of items and chunks, from the model to whole numbers in the order of cells
terms       terms counted in one pass, and weighed in a second one
ranking     the scale of the signals, then the candidates of each shard
texts       one step on the texts of each shard, for verbs that compute each item by itself
embedding   the vectors of a large collection, as tables
labels      the labels of a large collection, by a classifier
related     all of it: the related lists of a large collection
languages   the language of each item
index       the index of a large collection: segments of shards
topics      the topics of a large collection: vectors from shards, and a sample on which topics are found
"""
