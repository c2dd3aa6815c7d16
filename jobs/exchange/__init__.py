"""What travels between a process and the workers, and what RQ has on record."""
