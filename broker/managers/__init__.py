"""Managers, and the containers that they create."""
