"""Users' own multiprocessing programs, run unchanged on each backend."""
