"""What parents and workers exchange: pickled jobs, status messages, signals, and RQ's records."""
