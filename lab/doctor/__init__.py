"""`lab doctor`: looks at a Redis server and its workers, and says what would go wrong and how to mend it."""

from lab.doctor.command import doctor

__all__ = ["doctor"]
