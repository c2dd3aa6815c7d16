from multiprocessing import Lock

lock= Lock()
lock.acquire() # 拿钥匙
print(111)
lock.release() # 还钥匙
lock.acquire() # 阻塞
print(222)
