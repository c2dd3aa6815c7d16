"""The lab: a multiprocessing course's exercises, on one machine's processes and on Redis, side by side."""
