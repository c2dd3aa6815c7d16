import multiprocessing
import queue
from multiprocessing.queues import JoinableQueue, Queue, SimpleQueue


class Counted(Queue):
    def __init__(self, name, maxsize=0):
        self.name = name
        super().__init__(maxsize, ctx=multiprocessing.get_context())
        self.puts = 0

    def put(self, item, *args, **kwargs):
        super().put((self.name, item), *args, **kwargs)
        self.puts += 1

    def drain(self):
        while True:
            try:
                yield self.get(timeout=0.5)
            except queue.Empty:
                return

    # Programs define these for what a queue itself does not pass on.
    def __getstate__(self):
        return {"queue": super().__getstate__(), "name": self.name, "puts": self.puts}

    def __setstate__(self, state):
        super().__setstate__(state["queue"])
        self.name, self.puts = state["name"], state["puts"]


class Labelled(Queue):
    def __init__(self, label):
        super().__init__(ctx=multiprocessing.get_context())
        self.label = label

    def __getstate__(self):
        return (*super().__getstate__(), self.label)

    def __setstate__(self, state):
        super().__setstate__(state[:-1])
        self.label = state[-1]


class Tasks(JoinableQueue):
    def __init__(self):
        super().__init__(ctx=multiprocessing.get_context())

    def add(self, *tasks):
        for task in tasks:
            self.put(task)


class Mailbox(SimpleQueue):
    def __init__(self):
        super().__init__(ctx=multiprocessing.get_context())


def fill(counted, labelled):
    for number in range(3):
        counted.put(number)
    print(type(counted).__name__, counted.name, counted.puts)
    labelled.put(labelled.label)


def work(tasks, mailbox):
    for task in iter(tasks.get, None):
        mailbox.put(task.upper())
        tasks.task_done()
    tasks.task_done()


if __name__ == "__main__":
    counted, labelled = Counted("letters", 10), Labelled("blue")
    child = multiprocessing.Process(target=fill, args=(counted, labelled))
    child.start()
    child.join()
    print(labelled.get())
    print(list(counted.drain()), counted.name, counted.puts, isinstance(counted, Queue), child.exitcode)

    tasks, mailbox = Tasks(), Mailbox()
    child = multiprocessing.Process(target=work, args=(tasks, mailbox))
    child.start()
    tasks.add("a", "b", None)
    tasks.join()
    print(mailbox.get(), mailbox.get(), mailbox.empty())
    child.join()
