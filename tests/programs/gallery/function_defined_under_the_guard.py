# needs fork
from multiprocessing import Process

if __name__ == "__main__":
    greeting = "hello"

    def work():
        print(greeting)

    child = Process(target=work)
    child.start()
    child.join()
