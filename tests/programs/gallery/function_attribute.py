from multiprocessing import Process


def work():
    work.calls += 1
    print("calls", work.calls)


work.calls = 4

if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
    print("calls", work.calls)
