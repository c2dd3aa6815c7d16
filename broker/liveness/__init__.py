"""Boards and heartbeats, which show which processes are alive."""
