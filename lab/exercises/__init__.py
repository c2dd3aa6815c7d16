"""The exercises, in the course's order."""

from lab.exercise import Exercise
from lab.exercises.ktv import Ktv
from lab.exercises.tickets import Tickets

EXERCISES: dict[str, type[Exercise]] = {exercise.name: exercise for exercise in (Tickets, Ktv)}
