"""Which workers a program's processes run on, and what is said when they are too few."""

from __future__ import annotations

import re
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
import redis

import jobs
from broker.server.private_server import PrivateServer
from tests.lab.programs.conftest import Program
from tests.support.lab import RunLab


@pytest.mark.slow
@pytest.mark.parametrize(("running", "advice"), [(False, "--workers"), (True, "`lab worker`")])
def test_more_processes_than_workers_print_a_warning(
    lab: RunLab, program: Program, url: str, running: bool, advice: str
):
    path = program(
        """
        from multiprocessing import Event, Process
        if __name__ == "__main__":
            go = Event()
            children = [Process(target=go.wait) for _ in range(3)]
            for child in children:
                child.start()
            children[-1].join(3)  # for longer than it takes to say so
            go.set()
        """
    )
    with jobs.Workers(url, "lab", 2) if running else nullcontext():
        done = lab("run", path, "--on", "rq", "--redis-url", url, "--workers", 2)
    assert re.fullmatch(
        rf"1 process waits for a worker: the 2 that listen on queue 'lab.*' of .* are busy; start more with {advice}\n",
        done.stderr,
    )


@pytest.mark.slow
def test_a_program_gets_as_many_workers_as_it_has_processes(lab: RunLab, program: Program):
    path = program(
        """
        from multiprocessing import Process, Queue
        def meet(arrived, go, depth):
            arrived.put(depth)
            if depth:  # keeps its worker meanwhile
                child = Process(target=meet, args=(arrived, go, depth - 1))
                child.start()
                child.join()
            else:
                go.get()
        if __name__ == "__main__":
            arrived, go = Queue(), Queue()
            children = [Process(target=meet, args=(arrived, go, 2)) for _ in range(4)]
            for child in children:
                child.start()
            print(sorted(arrived.get() for _ in range(12)))
            for _ in children:
                go.put(None)
            for child in children:
                child.join()
        """
    )
    done = lab("run", path, "--on", "rq")
    assert (done.stdout, done.stderr) == ("[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]\n", "")


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.slow
def test_the_number_of_workers_is_ignored_where_others_run(lab: RunLab, program: Program, url: str, command: str):
    path = program("pass")
    with jobs.Workers(url, "lab", 1):
        ignored = lab(command, path, "--on", "rq", "--redis-url", url, "--workers", 3)
        followed = lab(command, path, "--on", "rq", "--redis-url", url, "--workers", 1)
        default = lab(command, path, "--on", "rq", "--redis-url", url)
        elsewhere = lab(command, path, "--on", "redis", "--redis-url", url, "--workers", 3)
    sentence = "lab: --workers 3 is ignored: this run uses the workers that are running on queue lab (1)\n"
    assert [done.stderr for done in (ignored, followed, default, elsewhere)] == [sentence, "", "", ""]
    assert {done.returncode for done in (ignored, followed, default, elsewhere)} == {0}


def test_workers_that_are_running_are_used(lab: RunLab, program: Program, url: str):
    """They need not run in the program's folder; its processes do, and find its modules."""
    path = program(
        """
        import os, beside
        from multiprocessing import Process
        if __name__ == "__main__":
            child = Process(target=beside.tell)
            child.start()
            child.join()
            print(os.getcwd())
        """,
        beside="import os\ndef tell(): print(os.getcwd())\n",
    )
    with jobs.Workers(url, "lab", 1, folder="/"):
        assert lab("run", path, "--on", "rq", "--redis-url", url).stdout == 2 * f"{path.parent}\n"


@pytest.mark.parametrize("command", ["run", "compare"])
def test_workers_that_do_not_start_are_one_sentence(lab: RunLab, program: Program, command: str):
    path = program("pass")
    with closing(PrivateServer()) as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxclients", 8)
        done = lab(command, path, "--on", "rq", "--redis-url", server.url, "--workers", 32)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"lab: the RQ workers did not start: \S.*\n", done.stderr)


@pytest.mark.slow
def test_a_module_named_like_a_standard_one_in_the_current_folder_is_not_imported(
    lab: RunLab, program: Program, tmp_path: Path
):
    path = program("from multiprocessing import Pool\nif __name__ == '__main__': print(Pool(1).map(abs, [-1]))")
    (tmp_path / "random.py").write_text("raise RuntimeError('not the standard one')")
    done = lab("run", path, "--on", "rq")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1]\n", "")
