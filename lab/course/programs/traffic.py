from multiprocessing import Event,Process

# 红绿灯模型
# 控制交通灯的进程
import time
import random

def traffic_light(e):
    print('\033[1;31m 红灯亮\033[0m')
    while True:
        time.sleep(2)
        if e.is_set():
            print('\033[1;31m 红灯亮\033[0m')
            e.clear()
        else:
            print('\033[1;32m 绿灯亮\033[0m')
            e.set()

# 车 等或者通过
def car(id,e):
    if not e.is_set():
        print('car %s 等待' % id)
        e.wait()
    print('car %s 通过'%id)

def police_car(id,e):
    if not e.is_set():
        e.wait(timeout = 0.5)
    print('police car %s 通过' % id)

# 主进程 启动交通控制灯 启动车的进程
if __name__ == '__main__':
    e = Event()
    p = Process(target=traffic_light,args=(e,))
    p.start()
    car_lst = [car,police_car]
    for i in range(20):
        p = Process(target=random.choice(car_lst), args=(i,e))
        p.start()
        time.sleep(random.randrange(0,3,2))
