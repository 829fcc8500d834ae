"""A model: its file, its network, its vocabulary."""
