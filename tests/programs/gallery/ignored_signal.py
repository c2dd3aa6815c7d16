import os
import signal
from multiprocessing import Process


def work():
    os.kill(os.getpid(), signal.SIGUSR1)
    print("still here")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    child = Process(target=work)
    child.start()
    child.join()
    print("exit code", child.exitcode)
