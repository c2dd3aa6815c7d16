from multiprocessing import Process
from multiprocessing import Semaphore # 信号量
# ktv
# 4个小房子
# 10个人站在房子外面要进去玩儿
sem = Semaphore(3)
sem.acquire()
print(1)
sem.acquire()
print(2)
sem.acquire()
print(3)
sem.release()
sem.acquire() # 阻塞
print(4)
