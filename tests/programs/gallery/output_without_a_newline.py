import sys
from multiprocessing import Process


def work():
    print("no newline", end="")
    sys.stdout.flush()
    print(" and more", end="", flush=True)
    print()
    sys.stdout.write("last line")


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
    print()
    print("parent")
