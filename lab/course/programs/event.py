# 并发的时候
# 很多模型
# 事件
from multiprocessing import Event,Process
# wait() 方法 等待
# 阻塞 如果这个标志是False 那么就阻塞
# 非阻塞 如果这个标志是True 那么就非阻塞
# 查看标志 is_set()
# 修改标志 set()将标志设置为True
#clear() 将标志设置为False
e = Event()
print(e.is_set()) # 在事件的创建之初 默认是False
e.set() # 将标志设置为True
print(e.is_set())
e.wait() # 相当于什么都没做pass
e.clear() # 将标志设置为False
# e.wait() # 永远阻塞
e.wait(timeout=10) # 如果信号在阻塞10s之内变为True,那么不继续阻塞直接pass,
# 如果就阻塞10s之后状态还是没变,那么继续,
print(e.is_set()) # 无论前面的wait的timeout是否通过,我的状态都不会因此改变
