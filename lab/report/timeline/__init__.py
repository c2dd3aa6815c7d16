"""What the picture of a run shows, as plain data: lanes, bars, marks, hand-offs and counters."""
