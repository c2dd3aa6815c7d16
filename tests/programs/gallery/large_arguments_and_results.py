# Arguments and results of thirty megabytes.
from multiprocessing import Pool, Process, Queue


def measure(data):
    return len(data), data[:1] * (30 << 20)


def send_back(queue, data):
    queue.put(data[::-1])


if __name__ == "__main__":
    with Pool(2) as pool:
        for length, result in pool.map(measure, [b"a" * (30 << 20), b"bc"], chunksize=1):
            print(length, len(result), result[:3])
    queue = Queue()
    child = Process(target=send_back, args=(queue, b"x" * (20 << 20) + b"y"))
    child.start()
    result = queue.get()
    child.join()
    print(len(result), result[:2], child.exitcode)
