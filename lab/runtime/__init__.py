"""What an exercise runs on: processes, a context, an event log, a store and boards."""
