import concurrent.futures.process


class Executor(concurrent.futures.process.ProcessPoolExecutor):
    def squares(self, numbers):
        return self.map(square, numbers)


def square(number):
    return number * number


if __name__ == "__main__":
    executor = Executor(1)
    print(list(executor.squares(range(3))))
    executor.submit(square, 12).add_done_callback(lambda each: print("done", each.result()))
