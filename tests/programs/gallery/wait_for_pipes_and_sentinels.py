import multiprocessing
from multiprocessing.connection import wait


def send(number, connection):
    for each in range(number):
        connection.send((number, each))
    connection.close()


def follow(go, connection):
    go.wait()
    connection.send("after the others")


if __name__ == "__main__":
    readers, children = [], []
    for number in (1, 2, 3):
        reader, writer = multiprocessing.Pipe(duplex=False)
        children.append(multiprocessing.Process(target=send, args=(number, writer)))
        children[-1].start()
        writer.close()
        readers.append(reader)
    received = []
    while readers:
        for reader in wait(readers):
            try:
                received.append(reader.recv())
            except EOFError:
                readers.remove(reader)
    print(sorted(received))
    for child in children:
        child.join()

    go = multiprocessing.Event()
    mine, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=follow, args=(go, theirs))
    child.start()
    print(wait([mine, child.sentinel], timeout=0.1))
    go.set()
    print(wait([mine]) == [mine], mine.poll(), mine.recv(), mine.poll())
    print(wait([mine, child.sentinel]) == [child.sentinel])
    child.join()
    print(wait([child.sentinel], 0) == [child.sentinel], child.exitcode)
    theirs.send("late")
    print(set(wait([mine, child.sentinel])) == {child.sentinel, mine} or wait([mine]) == [mine], mine.recv())
