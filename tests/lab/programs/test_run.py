"""`lab run FILE.py`: a program runs, prints and ends on every backend as with Python."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.lab.programs.conftest import Program
from tests.support.actors import TIMEOUT
from tests.support.lab import RunLab, StartLab


def test_the_main_module_is_as_with_python(lab: RunLab, program: Program, where: list[object]):
    path = program(
        """
        import os, sys
        if __name__ == "__main__":
            print([__file__, sys.argv, sys.path[0], os.getcwd(), __package__, __doc__])
            print(sorted(set(globals()) - {"__annotations__"}))
            sys.exit(3)
        """
    )
    theirs = subprocess.run([sys.executable, path, "--on", "x"], capture_output=True, text=True, cwd=path.parent)
    done = lab("run", path, *where, "--", "--on", "x")
    assert (done.stdout, done.stderr, done.returncode) == (theirs.stdout, "", 3)


def test_unknown_options_are_passed_to_the_program(lab: RunLab, program: Program):
    path = program("import sys; print(sys.argv[1:])")
    assert lab("run", path, "--on", "local", "--verbose", "7", "--on", "9").stdout == (
        "['--verbose', '7', '--on', '9']\n"
    )


def test_a_module_that_the_lab_has_imported_from_elsewhere_is_named(lab: RunLab, program: Program, where: list[object]):
    path = program(
        """
        import random, beside
        from multiprocessing import Process
        if __name__ == "__main__":
            child = Process(target=print, args=(beside.__name__,))
            child.start()
            child.join()
        """,
        random="",
        beside="import random",
    )
    done = lab("run", path, *where)
    assert (done.returncode, done.stdout) == (0, "beside\n")
    sentence = r"lab: random\.py beside the program is not imported, since the lab has imported \S+; rename yours\n"
    assert re.fullmatch(sentence, done.stderr)


def test_repeat_is_refused_unless_it_is_the_programs(lab: RunLab, lab_in_process: RunLab, program: Program):
    path = program("import sys; print(sys.argv[1:])")
    done = lab_in_process("run", path, "--on", "redis", "--repeat", 3)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"lab: lab run {path} runs the program once; lab compare {path} --on redis --repeat N shows the median and the "
        "range of N runs (an option --repeat of the program itself comes after --)\n"
    )
    assert lab("run", path, "--", "--repeat", 3).stdout == "['--repeat', '3']\n"
    assert lab("run", path, "more", "--repeat", 3).stdout == "['more', '--repeat', '3']\n"


def test_what_needs_a_trace_is_refused_unless_it_is_the_programs(lab: RunLab, lab_in_process: RunLab, program: Program):
    path = program("import sys; print(sys.argv[1:])")
    done = lab_in_process("run", path, "--report", "page")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"lab: lab run {path} records nothing; lab compare {path} --on local takes --trace, --report and --perfetto "
        "(options of the program itself come after --)\n"
    )
    assert lab("run", path, "--", "--report", "page").stdout == "['--report', 'page']\n"


def test_the_program_reads_standard_input(program: Program):
    path = program("print(input('? ').upper())")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "run", path], input="hello\n", capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.stdout == "? HELLO\n"


def test_the_program_ends_as_with_multiprocessing(lab: RunLab, program: Program, where: list[object]):
    """Daemons end with the program's code, other children are joined, and primitives exist until then."""
    path = program(
        """
        import atexit, time
        from multiprocessing import Event, Process

        def daemon(up):
            up.set()
            time.sleep(60)
            print("never")

        def other(over, up):
            print("waits")
            over.wait()
            print("waited", up.is_set())

        if __name__ == "__main__":
            over, up = Event(), Event()
            Process(target=daemon, args=(up,), daemon=True).start()
            Process(target=other, args=(over, up)).start()
            up.wait()
            over.set()
        """
    )
    assert lab("run", path, *where).stdout.splitlines() == ["waits", "waited True"]


def test_an_uncaught_exception_has_the_traceback_of_python(start: StartLab, program: Program, where: list[object]):
    path = program("def f():\n    return 1 / 0\n\nf()\n")
    theirs = subprocess.run([sys.executable, path], capture_output=True, text=True)
    done = start("run", path, *where).finish()
    assert (done.returncode, done.stderr) == (1, theirs.stderr)


def test_an_exception_in_a_child_is_printed_there(start: StartLab, program: Program, where: list[object]):
    path = program(
        """
        from multiprocessing import Process
        def f():
            raise ValueError("oh")
        if __name__ == "__main__":
            child = Process(target=f)
            child.start()
            child.join()
            print(child.exitcode)
        """
    )
    done = start("run", path, *where).finish()
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("Process Process-1:\nTraceback")
    assert done.stderr.endswith("ValueError: oh\n")
