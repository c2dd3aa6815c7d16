from multiprocessing import Process


class Settings:
    limit = 1
    names = ["a"]


def work():
    print(Settings.limit, Settings.names)


if __name__ == "__main__":
    Settings.limit = 5
    Settings.names.append("b")
    child = Process(target=work)
    child.start()
    child.join()
