"""Locks, semaphores, conditions, barriers and events."""
