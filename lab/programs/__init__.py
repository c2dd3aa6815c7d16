"""Somebody's own multiprocessing program, unchanged, on each backend."""
