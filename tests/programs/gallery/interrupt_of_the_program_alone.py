# A SIGINT that is sent to the program alone does not reach its children.
import os
import signal
import time
from multiprocessing import Event, Process


def work(ready, stop):
    try:
        ready.set()
        stop.wait()
        print("worker was asked to stop")
    except KeyboardInterrupt:
        print("worker was interrupted")


if __name__ == "__main__":
    os.setpgid(0, 0)
    ready, stop = Event(), Event()
    worker = Process(target=work, args=(ready, stop))
    worker.start()
    ready.wait()
    try:
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            time.sleep(0.01)
    except KeyboardInterrupt:
        print("program was interrupted", flush=True)
    stop.set()
    worker.join()
    print("exit code", worker.exitcode)
