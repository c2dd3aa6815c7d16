"""What is said of a version that cannot be judged."""

from __future__ import annotations

import re

import pytest

from lab.learn.errors import UnjudgedError
from tests.support.rungs import Try, solution

RETURN = "        return bool("
UNJUDGED = {
    "class Lock:\n    def x(:\n": "the file is no Python in line 2: invalid syntax",
    "import nothing\n": "the file raised ModuleNotFoundError: No module named 'nothing' in line 1",
    "import sys\nsys.exit()\n": "the file raised SystemExit in line 2",
    "lock = None\n": "the file has no class Lock any more",
    "class Lock:\n    pass\n": "__init__() raised TypeError: Lock() takes no arguments",
    solution("no_expiry", {"def acquire": "def aquire"}): "a process raised AttributeError: 'Lock' object has no ",
    solution(
        "no_expiry", {RETURN: "        1 / 0\n" + RETURN}
    ): "acquire() raised ZeroDivisionError: division by zero in line 8",
    solution("no_expiry", {"nx=True": "nx=True, px=-1"}): "acquire() raised ",
    solution(
        "no_expiry", {"self.client.delete(": "self.client.lpush("}
    ): "release() raised ResponseError: wrong number of arguments",
    solution("no_expiry", {RETURN: "        return self.client.blpop('nothing') or bool("}): None,
}


@pytest.mark.parametrize("source", UNJUDGED)
def test_what_cannot_be_judged_is_said_in_one_sentence(attempt: Try, source: str) -> None:
    sentence = UNJUDGED[source]
    if sentence is None:  # it waits forever, which can be judged
        assert attempt("no_expiry", source).verdict is not None
        return
    with pytest.raises(UnjudgedError, match=f"^{re.escape(sentence)}"):
        attempt("no_expiry", source)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "sentence"),
    [
        ("while self.client.get('nothing') is None: pass", "acquire() sends one request after the other; "),
        ("while True: __import__('time').sleep(0)", "acquire() sleeps again and again, too briefly; "),
    ],
)
def test_endless_loops_are_named(attempt: Try, loop: str, sentence: str) -> None:
    with pytest.raises(UnjudgedError, match=f"^{re.escape(sentence)}"):
        attempt("no_expiry", solution("no_expiry", {RETURN: f"        {loop}\n{RETURN}"}))
