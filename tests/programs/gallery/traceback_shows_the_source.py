import traceback
from multiprocessing import Process


def work():
    try:
        raise ValueError("wrong")  # this very line
    except ValueError:
        text = traceback.format_exc()
        print("this very line" in text, __file__ in text)


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
