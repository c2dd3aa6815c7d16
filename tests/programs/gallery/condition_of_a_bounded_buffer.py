import multiprocessing.synchronize
from multiprocessing import Array, Condition, Lock, Process, RLock, Value

ROOM = 3


def produce(changed, items, count, numbers):
    for number in numbers:
        with changed:
            changed.wait_for(lambda: count.value < ROOM)
            items[count.value] = number
            count.value += 1
            changed.notify_all()


def consume(changed, items, count, amount, total):
    for _ in range(amount):
        with changed:
            changed.wait_for(lambda: count.value > 0)
            count.value -= 1
            total.value += items[count.value]
            changed.notify_all()


def wait_in_vain(changed):
    with changed:
        print(changed.wait(0.01), changed.wait_for(lambda: False, timeout=0.01))


if __name__ == "__main__":
    for changed in (Condition(), Condition(Lock()), Condition(lock=RLock())):
        print(isinstance(changed, multiprocessing.synchronize.Condition))
        items, count, total = Array("i", ROOM), Value("i", 0), Value("i", 0)
        children = [Process(target=produce, args=(changed, items, count, range(10))) for _ in range(2)]
        children += [Process(target=consume, args=(changed, items, count, 10, total)) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        print(count.value, total.value, [child.exitcode for child in children])
        child = Process(target=wait_in_vain, args=(changed,))
        child.start()
        child.join()
        try:
            changed.notify()
        except (AssertionError, RuntimeError):
            print("not its owner")
