"""Locks, semaphores and events."""
