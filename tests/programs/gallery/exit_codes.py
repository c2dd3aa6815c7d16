import os
import signal
import sys
from multiprocessing import Process


def leave(how):
    if how == "raise":
        sys.stderr = open(os.devnull, "w")
        raise ValueError("wrong")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "_exit":
        os._exit(5)
    sys.exit(how)


if __name__ == "__main__":
    for how in (0, 3, None, "raise", "kill", "_exit"):
        child = Process(target=leave, args=(how,))
        child.start()
        child.join()
        print(how, child.exitcode)
