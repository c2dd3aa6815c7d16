from multiprocessing import Process, Queue


def 工作(队列, 名字):
    队列.put(f"你好，{名字}")


if __name__ == "__main__":
    队列 = Queue()
    child = Process(target=工作, args=(队列, "世界"), name="工人")
    child.start()
    print(队列.get(), child.name)
    child.join()
