from multiprocessing import JoinableQueue, Process, Queue


def work(tasks, done):
    while True:
        number = tasks.get()
        done.put(number * number)
        tasks.task_done()


if __name__ == "__main__":
    tasks, done = JoinableQueue(), Queue()
    workers = [Process(target=work, args=(tasks, done), daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    for number in range(6):
        tasks.put(number)
    tasks.join()
    print(sorted(done.get() for _ in range(6)))
