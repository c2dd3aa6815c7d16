from multiprocessing import Process

try:
    import a_module_that_is_not_there as fast
except ImportError:
    fast = None

if fast is None:

    def compute():
        return "slow"
else:

    def compute():
        return "fast"


def work():
    print(compute(), fast)


if __name__ == "__main__":
    child = Process(target=work)
    child.start()
    child.join()
