"""The exercises, in the course's order."""

from lab.exercise import Exercise
from lab.exercises.chat import Chat
from lab.exercises.daemon import Daemon
from lab.exercises.event import Event
from lab.exercises.isolation import Isolation
from lab.exercises.ktv import Ktv
from lab.exercises.liveness import Liveness
from lab.exercises.lock import Lock
from lab.exercises.output import Output
from lab.exercises.semaphore import Semaphore
from lab.exercises.tickets import Tickets
from lab.exercises.traffic import Traffic

EXERCISES: dict[str, type[Exercise]] = {
    exercise.name: exercise
    for exercise in (
        Isolation,
        Daemon,
        Liveness,
        Chat,
        Lock,
        Output,
        Tickets,
        Semaphore,
        Ktv,
        Event,
        Traffic,
    )
}
