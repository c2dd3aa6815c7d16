import ctypes
import multiprocessing.synchronize
from multiprocessing import Array, Lock, Process, RawArray, RawValue, Value, sharedctypes

TIMES = 50


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_int)]


def count(careful: sharedctypes.Synchronized, careless, own, lock):
    for _ in range(TIMES):
        with careful.get_lock():
            careful.value += 1
        careless.value += 1
        with lock:
            own.value += 1


def fill(number, squares, points, text, flags):
    squares[number] = number * number
    points[number].x += 0.5
    points[number].y = number
    text[number] = b"abc"[number]
    flags[number] = number % 2


if __name__ == "__main__":
    lock = Lock()
    careful, careless, own = Value("i", 0), Value(ctypes.c_int, 0), Value("i", 0, lock=False)
    children = [Process(target=count, args=(careful, careless, own, lock)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print(careful.value, TIMES <= careless.value <= 2 * TIMES, own.value)

    squares, points = Array("i", range(3)), Array(Point, [(1.0, 7), (2.0, 8), (3.0, 9)], lock=lock)
    text, flags = Array("c", 3), RawArray(ctypes.c_bool, 3)
    for number in range(3):
        child = Process(target=fill, args=(number, squares, points, text, flags))
        child.start()
        child.join()
    print(squares[:], squares[::-2], len(squares), list(squares), [(point.x, point.y) for point in points])
    print(text.value, text.raw, flags[:])
    point = Value(Point, 1.5, 2)
    with point:
        point.x *= 2
    print(point.x, point.get_obj().y, points.get_lock() is lock, RawValue("d", 2.5).value)
    classes = (sharedctypes.Synchronized, sharedctypes.SynchronizedArray, sharedctypes.SynchronizedString)
    print([[isinstance(each, kind) for kind in classes] for each in (careful, squares, text)])
    print(isinstance(careful.get_lock(), multiprocessing.synchronize.RLock))
    print(sharedctypes.copy(RawArray("i", [1, 2]))[:], sharedctypes.synchronized(RawValue("i", 3)).value)
    try:
        squares[3]
    except IndexError as error:
        print(error)
