from multiprocessing import Process

total = 0


def make(step):
    def add():
        global total
        total += step
        return total

    return add


add_two = make(2)


def work():
    add_two()
    print(add_two(), total)


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
