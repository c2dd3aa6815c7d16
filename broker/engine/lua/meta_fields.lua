local META_FIELDS = 7 -- fields of the state of a lock or a semaphore that are not tokens
