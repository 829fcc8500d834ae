"""Many texts, in shards: what is to be generated, a folder of them, and a cluster to do it."""
