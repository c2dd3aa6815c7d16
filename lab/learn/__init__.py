"""A ladder of broken locks and semaphores: the learner repairs each, and the lab tries it against the fault it had."""
