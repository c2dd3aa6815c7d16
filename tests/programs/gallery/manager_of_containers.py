import multiprocessing
from multiprocessing import Manager, Pool, Process
from multiprocessing.managers import DictProxy, ListProxy, NamespaceProxy, SyncManager


def work(number, results: DictProxy, order: ListProxy, state: NamespaceProxy, lock, ready, queue):
    with lock:
        state.count += 1
        order.append(number)
    results[number] = {"square": number * number}
    nested = results["nested"]
    with lock:
        nested["sum"] = nested.get("sum", 0) + number
    queue.put(number)
    with ready:
        ready.notify_all()


def double(arguments):
    number, order = arguments
    order.append(2 * number)
    return number


if __name__ == "__main__":
    with Manager() as manager:
        print(isinstance(manager, SyncManager))
        results, order, state = manager.dict(begun=True), manager.list(), manager.Namespace(count=0)
        results["nested"] = manager.dict()
        lock, ready, queue = manager.Lock(), manager.Condition(), manager.Queue()
        print([isinstance(*each) for each in ((results, DictProxy), (order, ListProxy), (state, NamespaceProxy))])
        arguments = results, order, state, lock, ready, queue
        children = [Process(target=work, args=(number, *arguments)) for number in range(4)]
        print([child.name for child in children])
        for child in children:
            child.start()
        with ready:
            ready.wait_for(lambda: len(results) == 6)
        for child in children:
            child.join()
        print(sorted(order), state.count, results["nested"]["sum"], sorted(queue.get() for _ in children))
        print(results[2], "begun" in results, results.pop("begun"), results.get("begun"), len(results))
        order.sort(reverse=True)
        order += [7]
        print(order[:], order[1:3], order.index(7), str(order))
        value, array = manager.Value("i", 1), manager.Array("i", [1, 2])
        value.value += 1
        array[0] = 5
        print(value.value, array[:], len(results.copy()))
        shared = manager.list()
        with Pool(2) as pool:
            print(pool.map(double, [(number, shared) for number in range(3)]), sorted(shared))
    other = multiprocessing.get_context("spawn").Manager()
    print(other.list([1, 2]).pop())
    other.shutdown()
    third = SyncManager()
    third.start()
    print(third.dict(a=1).items())
    third.shutdown()
