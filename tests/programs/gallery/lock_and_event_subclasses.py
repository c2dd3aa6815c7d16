import multiprocessing
from multiprocessing.synchronize import BoundedSemaphore, Event, Lock, Semaphore


class Named(Lock):
    def __init__(self, name):
        super().__init__(ctx=multiprocessing.get_context())

    def __enter__(self):
        print("enters")
        return super().__enter__()


class Alarm(Event):
    def __init__(self):
        super().__init__(ctx=multiprocessing.get_context())

    def ring(self):
        self.set()


class Places(BoundedSemaphore):
    def __init__(self):
        super().__init__(2, ctx=multiprocessing.get_context())

    def take(self):
        return self.acquire(block=False)


def work(lock, alarm, places):
    with lock:
        print(places.take(), places.take(), places.take())
        places.release()
        places.release()
    alarm.ring()


if __name__ == "__main__":
    lock, alarm, places = Named("door"), Alarm(), Places()
    child = multiprocessing.Process(target=work, args=(lock, alarm, places))
    child.start()
    child.join()
    print(alarm.wait(60))
    with lock:
        print(isinstance(lock, Lock), isinstance(places, Semaphore), child.exitcode)
    direct = Semaphore(1, ctx=multiprocessing.get_context())
    print(direct.acquire(timeout=0), direct.acquire(timeout=0))
    direct.release()
