# needs fork
from multiprocessing import Event, Lock, Process, Queue

lock = Lock()
ready = Event()
results = Queue()


def work():
    with lock:
        results.put("from the child")
    ready.set()


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    print(ready.wait(10), results.get())
    child.join()
