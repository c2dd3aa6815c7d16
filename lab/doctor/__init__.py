"""What is wrong with a Redis server and its workers, and how to fix it."""
