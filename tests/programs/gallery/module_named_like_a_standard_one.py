"""A module beside the program hides one of the standard library's: in all its processes."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
MODULE = """
PLANS = []


def plan(what):
    PLANS.append(what)
    return f"plan {len(PLANS)} is to {what}"
"""


def work():
    import sched

    print(sched.plan("sleep"), "in", Path(sched.__file__).name, "of the program:", Path(sched.__file__).parent == FOLDER)


if __name__ == "__main__":
    import multiprocessing

    (FOLDER / "sched.py").write_text(MODULE, encoding="utf-8")
    sys.path_importer_cache.clear()
    import sched

    print(sched.plan("eat"))
    process = multiprocessing.Process(target=work)
    process.start()
    process.join()
    print(sched.PLANS, process.exitcode)
