"""Which files make a checkpoint, and what those beside the weights say: zips, vocabs, configs."""
