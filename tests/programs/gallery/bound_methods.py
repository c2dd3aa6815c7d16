from multiprocessing import Pool, Process


class Shop:
    def __init__(self, price):
        self.price = price

    def cost(self, number):
        return number * self.price

    def tell(self):
        print("price", self.price)

    @classmethod
    def named(cls, name):
        return f"{cls.__name__} {name}"

    @staticmethod
    def twice(number):
        return 2 * number


if __name__ == "__main__":
    shop = Shop(3)
    child = Process(target=shop.tell)
    child.start()
    child.join()
    with Pool(2) as pool:
        print(pool.map(shop.cost, range(3)), pool.map(Shop.named, "ab"), pool.map(Shop.twice, range(3)))
