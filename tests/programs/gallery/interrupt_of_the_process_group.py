# A terminal's Ctrl-C is a SIGINT for each process of the group: one ignores it, one catches it, one ends.
import os
import signal
import sys
import time
from multiprocessing import Event, Process, Queue


def ignores(results, stop):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    results.put("ready")
    stop.wait()
    results.put("the one that ignores it has put everything away")


def catches(results):
    try:
        results.put("ready")
        while True:
            time.sleep(0.01)
    except KeyboardInterrupt:
        results.put("the one that catches it has put everything away")


def ends(results):
    sys.stderr = open(os.devnull, "w")
    results.put("ready")
    while True:
        time.sleep(0.01)


if __name__ == "__main__":
    os.setpgid(0, 0)
    results, stop = Queue(), Event()
    children = [
        Process(target=ignores, args=(results, stop)),
        Process(target=catches, args=(results,)),
        Process(target=ends, args=(results,)),
    ]
    for child in children:
        child.start()
    print([results.get() for _ in children])
    signal.signal(signal.SIGINT, lambda *_: print("asked to stop"))
    os.killpg(0, signal.SIGINT)
    print(results.get())
    stop.set()
    print(results.get())
    for child in children:
        child.join()
    print("exit codes", [child.exitcode for child in children])
