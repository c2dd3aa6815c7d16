"""Pure functions from a trace to verdicts and figures."""
