"""What would go wrong with a Redis server and its workers, and how to fix it."""
