"""Boards and heartbeats: which processes are alive."""
