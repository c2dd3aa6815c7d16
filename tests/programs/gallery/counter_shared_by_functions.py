from multiprocessing import Process

count = 0


def increment():
    global count
    count += 1


def work():
    for _ in range(3):
        increment()
    print("the child counted", count)


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
    print("the parent has", count)
