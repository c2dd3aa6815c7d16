from multiprocessing import Process, current_process, parent_process


def work():
    print(current_process().name, parent_process().name, current_process().daemon)


if __name__ == "__main__":
    for options in ({}, {"name": "painter"}, {"daemon": True}):
        child = Process(target=work, **options)
        child.start()
        child.join()
