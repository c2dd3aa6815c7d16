import sys
from multiprocessing import Process

setting = "default"


def work():
    main = sys.modules["__main__"]
    print(main.setting, main.work is work, work.__module__)


if __name__ == "__main__":
    setting = "changed"
    child = Process(target=work)
    child.start()
    child.join()
