from multiprocessing import Process

items = []


def work(same):
    same.append(1)
    print(same is items, items)


if __name__ == "__main__":
    child = Process(target=work, args=(items,))
    child.start()
    child.join()
    print(items)
