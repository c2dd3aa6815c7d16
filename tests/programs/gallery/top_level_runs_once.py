from multiprocessing import Process

with open("log", "a") as file:
    file.write("started\n")


def work():
    print(len(open("log").readlines()))


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
