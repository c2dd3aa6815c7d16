import time
from multiprocessing import Event, Process


def work(started):
    started.set()
    time.sleep(60)


if __name__ == "__main__":
    started = Event()
    child = Process(target=work, args=(started,))
    child.start()
    started.wait(20)
    child.terminate()
    child.join()
    print(child.exitcode, child.is_alive())
