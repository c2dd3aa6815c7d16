from multiprocessing import Pipe, Process


def echo(connection):
    while (message := connection.recv()) is not None:
        connection.send(message.upper())
    connection.close()


if __name__ == "__main__":
    ours, theirs = Pipe()
    child = Process(target=echo, args=(theirs,))
    child.start()
    theirs.close()
    for word in ("one", "two"):
        ours.send(word)
        print(ours.recv())
    ours.send(None)
    child.join()
    try:
        ours.recv()
    except EOFError:
        print("closed")
