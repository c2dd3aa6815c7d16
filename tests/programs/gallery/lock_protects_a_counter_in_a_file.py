from multiprocessing import Lock, Process


def increment(lock):
    for _ in range(10):
        with lock:
            with open("counter") as file:
                value = int(file.read())
            with open("counter", "w") as file:
                file.write(str(value + 1))


if __name__ == "__main__":
    with open("counter", "w") as file:
        file.write("0")
    lock = Lock()
    children = [Process(target=increment, args=(lock,)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print(open("counter").read())
