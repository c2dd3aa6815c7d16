import multiprocessing

where = "in the file"


def show(lock, queue):
    with lock:
        queue.put(where)


if __name__ == "__main__":
    where = "under the guard"
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        lock, queue = context.Lock(), context.Queue()
        child = context.Process(target=show, args=(lock, queue))
        child.start()
        print(method, context.get_start_method(), queue.get())
        child.join()
        with context.Pool(1) as pool:
            print(pool.apply(eval, ("where", {"where": method})))
    print(multiprocessing.get_context("fork").get_context("spawn").get_start_method())
    print(type(multiprocessing.get_context("spawn")).__name__, type(context.Process()).__name__.endswith("Process"))
    try:
        multiprocessing.get_context("thread")
    except ValueError as error:
        print(error)
