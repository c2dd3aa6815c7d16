from multiprocessing import Pool


class Refused(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def work(number):
    raise Refused(number)


if __name__ == "__main__":
    with Pool(1) as pool:
        try:
            pool.apply(work, (42,))
        except Refused as error:
            print("refused with", error.code)
