"""What a model is: the file that holds it, its network, and its vocabulary."""
