"""The worker's side: RQ workers, and the processes that they run."""
