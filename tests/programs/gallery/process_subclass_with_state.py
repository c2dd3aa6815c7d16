from multiprocessing import Process, Queue


class Worker(Process):
    made = 0

    def __init__(self, queue):
        super().__init__()
        type(self).made += 1
        self.queue = queue
        self.number = self.made

    def run(self):
        self.queue.put((self.number, Worker.made))


if __name__ == "__main__":
    queue = Queue()
    workers = [Worker(queue) for _ in range(2)]
    for worker in workers:
        worker.start()
        worker.join()
        print(queue.get())
