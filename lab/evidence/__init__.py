"""What follows from a trace: verdicts and figures, by pure functions, so that an old trace can be judged again."""
