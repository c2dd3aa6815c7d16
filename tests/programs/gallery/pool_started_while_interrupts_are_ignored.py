# The usual way to keep Ctrl-C from a pool's processes: they inherit that it is ignored.
import os
import signal
import time
from multiprocessing import Pool


def square(number):
    return number * number


if __name__ == "__main__":
    os.setpgid(0, 0)
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Pool(2) as pool:
        signal.signal(signal.SIGINT, previous)
        print(pool.map(square, range(4), chunksize=1))
        try:
            os.killpg(0, signal.SIGINT)
            while True:
                time.sleep(0.01)
        except KeyboardInterrupt:
            print("interrupted")
        print(pool.map(square, range(8), chunksize=1))
        pool.close()
        pool.join()
