import multiprocessing
import socket

reader, writer = multiprocessing.Pipe(duplex=False)
ours, theirs = socket.socketpair()


def work(number):
    print("number", number)


if __name__ == "__main__":
    for number in range(2):
        child = multiprocessing.Process(target=work, args=(number,))
        child.start()
        child.join()
        print(child.exitcode, writer.closed, ours.fileno() < 0)
        for each in (reader, writer, ours, theirs):
            each.close()
