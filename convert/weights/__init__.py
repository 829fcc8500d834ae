"""A stranger's weights, from the file to a `Network`: `checkpoint.read_checkpoint`."""
