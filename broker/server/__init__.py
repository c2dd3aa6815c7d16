"""Which server to use: the environment's or a private one, and whether it is suitable."""
