"""Sockets, the Redis protocol, and Lua scripts packed as requests."""
