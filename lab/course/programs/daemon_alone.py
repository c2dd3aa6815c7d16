import time
from multiprocessing import Process

# 例一
def func1():
    print('begin')
    time.sleep(3)
    print('wahaha')

if __name__ == '__main__':
    p = Process(target=func1)
    p.daemon = True
    # 守护进程的属性,默认是False,如果设置成True,就表示设置这个子进程为一个守护进程
    # 设置守护进程的操作应该在开启子进程之前
    p.start()

    time.sleep(1)
    print('主进程')
