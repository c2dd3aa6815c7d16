"""Sockets, the Redis protocol, and Lua scripts as requests."""
