import multiprocessing
import multiprocessing.context
from multiprocessing import Process


class Base(Process):
    def __init__(self, **options):
        super().__init__(**options)
        self.connection, self._sender = multiprocessing.Pipe(duplex=False)

    def run(self):
        self._sender.send((type(self).__name__, self.work()))

    def work(self):
        super().run()
        return "ran"

    @property
    def result(self):
        received = self.connection.recv()
        self.join()
        return received, self.exitcode


class Adder(Base):
    def __init__(self, first, second):
        super().__init__(name="adder", daemon=True)
        self.first, self.second = first, second

    def work(self):
        return self.first + self.second, multiprocessing.current_process().name, self.daemon


class Greeter(multiprocessing.get_context("spawn").Process):
    def run(self):
        print("greets", self._args[0])


class Spawned(multiprocessing.context.SpawnProcess):
    pass


class Failing(Process):
    def run(self):
        try:
            super().run()
        except ZeroDivisionError as error:
            print("caught", error)


def divide(first, second):
    print(first / second)


if __name__ == "__main__":
    adder = Adder(2, 3)
    adder.start()
    print(adder.result)
    base = Base(target=len, args=("four",))
    base.start()
    print(base.result)
    for child in (
        Greeter(args=("everybody",)),
        Spawned(target=divide, args=(6, 3)),
        Failing(target=divide, args=(1, 0)),
    ):
        child.start()
        child.join()
        print(type(child).__name__, child.exitcode, isinstance(child, Process))
