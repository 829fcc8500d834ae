"""From a model to texts: sampling, the decode loop, and `TextGenerator`."""
