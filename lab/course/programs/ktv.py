import time
import random
from multiprocessing import Process,Semaphore

def ktv(num,sem):
    sem.acquire()
    print('person%s进入了ktv' % num)
    time.sleep(random.randint(1,4))
    print('person%s走出了ktv' % num)
    sem.release()

if __name__ == '__main__':
    sem = Semaphore(4)
    for i in range(10):
        p = Process(target=ktv,args=(i,sem))
        p.start()
