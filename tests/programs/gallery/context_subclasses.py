# needs fork: it asks for the context when it is imported
import multiprocessing
import multiprocessing.context


class Announced(multiprocessing.Process):
    def start(self):
        print("starting", self.name)
        super().start()


class Context(type(multiprocessing.get_context())):
    Process = Announced

    def Queue(self, maxsize=0):
        print("a queue of", maxsize)
        return super().Queue(maxsize)


class Spawning(multiprocessing.context.SpawnContext):
    def shout(self, text):
        print(text.upper())


def work(queue, context):
    queue.put((type(context).__name__, context.get_start_method(), context.Semaphore(3).acquire()))


if __name__ == "__main__":
    for context in (Context(), Spawning(), multiprocessing.get_context()):
        queue = context.Queue(5)
        child = context.Process(target=work, args=(queue, Spawning()), name="child")
        child.start()
        print(queue.get())
        child.join()
        print(child.exitcode, context.get_context() is context)
    Spawning().shout("a method of its own")
