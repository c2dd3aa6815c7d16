"""The exercises: the course's, in its order, and then those of what it does not have."""

from lab.exercise import Exercise
from lab.exercises.buffer import BoundedBuffer
from lab.exercises.chat import Chat
from lab.exercises.counter import Counter
from lab.exercises.daemon import Daemon
from lab.exercises.event import Event
from lab.exercises.isolation import Isolation
from lab.exercises.ktv import Ktv
from lab.exercises.liveness import Liveness
from lab.exercises.lock import Lock
from lab.exercises.output import Output
from lab.exercises.philosophers import Philosophers
from lab.exercises.readers import Readers
from lab.exercises.rendezvous import Rendezvous
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
        Counter,
        BoundedBuffer,
        Rendezvous,
        Philosophers,
        Readers,
    )
}
