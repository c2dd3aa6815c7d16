import os
import sys
from multiprocessing import Process

FOLDER = os.path.join(os.getcwd(), "extra")
os.makedirs(FOLDER, exist_ok=True)
with open(os.path.join(FOLDER, "gallery_extra.py"), "w") as file:
    file.write("def name():\n    return 'found'\n")
sys.path.insert(0, FOLDER)


def work():
    import gallery_extra

    print(gallery_extra.name())


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
