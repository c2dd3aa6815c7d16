from multiprocessing import Process, util


def work():
    util.Finalize(None, print, args=("finalized",), exitpriority=1)
    print("working")


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
    print("exit code", child.exitcode)
