import logging
import sys
from multiprocessing import Process

log = logging.getLogger("shop")


def work():
    log.info("in the child")
    log.debug("not shown")
    logging.getLogger().warning("from the root")


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    log.info("in the parent")
    sys.stdout.flush()
    child = Process(target=work)
    child.start()
    child.join()
