"""The course's own programs, exactly as it prints them, each with the question that it asks and the lab answers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from lab.language import N_


@dataclass(frozen=True)
class Question:
    """A question about one of the course's programs, and the command that answers it."""

    program: str  # in the folder `programs`, without `.py`
    text: str
    command: str

    def source(self) -> str:
        """Return the text of the program."""
        return (files(__name__) / "programs" / f"{self.program}.py").read_text("utf-8").strip()


QUESTIONS = {  # by the exercise's name
    "daemon": Question(
        "daemon_foo_bar",
        N_("foo is a daemon, bar is not. Which of the two ends are printed, end123 or end456?"),
        "lab run daemon",
    ),
    "chat": Question(
        "chat_server",
        N_("Each connection has a process. What would change for a second client if there were only one process?"),
        "lab compare chat --how one,each",
    ),
    "lock": Question(
        "lock",
        N_(
            "The key is given back once (还钥匙). What does the second acquire do, and what would it do without the "
            "release?"
        ),
        "lab run lock",
    ),
    "output": Question(
        "output_unlocked",
        N_(
            "Three processes compete for the output (多进程抢占输出资源). In which order do their lines come, and what "
            "does a lock around the two lines of each change?"
        ),
        "lab compare output --how all",
    ),
    "tickets": Question(
        "tickets_unlocked",
        N_("There is one ticket, and a hundred clients want it. How many of them buy it?"),
        "lab compare tickets --stock 1 --how nothing,lock",
    ),
    "semaphore": Question(
        "semaphore",
        N_(
            "There are three keys, and one is given back. What does the fourth acquire do, and what would it do "
            "without the release?"
        ),
        "lab run semaphore",
    ),
    "ktv": Question(
        "ktv",
        N_(
            "A karaoke bar has four rooms, and ten guests come. How many sing at the same time, and what do the "
            "others do?"
        ),
        "lab run ktv --guests 10",
    ),
    "event": Question(
        "event",
        N_("Which three lines does the program print? Which of the two waits takes time?"),
        "lab run event",
    ),
    "traffic": Question(
        "traffic",
        N_("A car waits for green, a police car for half a second. Which of them pass on red?"),
        "lab compare traffic",
    ),
}
