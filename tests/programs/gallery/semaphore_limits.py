from multiprocessing import Lock, Process, Semaphore


def change(lock, by):
    with lock:
        with open("inside") as file:
            inside, most = map(int, file.read().split())
        inside += by
        with open("inside", "w") as file:
            file.write(f"{inside} {max(inside, most)}")


def work(rooms, lock):
    for _ in range(5):
        with rooms:
            change(lock, 1)
            change(lock, -1)


if __name__ == "__main__":
    with open("inside", "w") as file:
        file.write("0 0")
    rooms, lock = Semaphore(2), Lock()
    children = [Process(target=work, args=(rooms, lock)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    with open("inside") as file:
        inside, most = map(int, file.read().split())
    print("inside at the end:", inside, "never more than two:", most <= 2)
