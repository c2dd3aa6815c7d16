from multiprocessing import Process


def greet():
    return "hello"


def work(name):
    print(globals()[name](), eval(name + "()"))


if __name__ == "__main__":
    child = Process(target=work, args=("greet",))
    child.start()
    child.join()
