"""`--lang`: help and errors in Chinese or English, in columns that are aligned."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import click
import pytest
from rich.cells import cell_len

from lab.cli.main import cli
from lab.course import QUESTIONS
from lab.exercises import EXERCISES
from lab.language import current_language, default_language, language, set_language, translate, user_environment
from tests.support.lab import RunLab

WIDTH = 80
CODE = re.compile(r"`[^`]*`|用法：.*|    lab .*")
ENGLISH = re.compile(r"(?<![-\w./])[A-Za-z][a-z']+(?:\s+[A-Za-z][a-z']+){2,}")
CHINESE = re.compile("[\u4e00-\u9fff]")
ROW = re.compile(r"  (-{1,2}\S.*?|[a-z]+)  +(?=\S)")


def command_paths(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return how each command is called, with one for a program of one's own in each group of exercises."""
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    names = command.list_commands(context)
    names += ["program.py"] if set(names) == set(EXERCISES) else []
    found = {name: command.get_command(context, name) for name in names}
    return [path, *(each for name, child in found.items() if child for each in command_paths(child, (*path, name)))]


PATHS = command_paths(cli)


def test_all_commands_are_found():
    assert {("list",), ("learn", "check"), ("run", "ktv"), ("compare", "program.py"), ()} <= set(PATHS)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_is_in_chinese(lab_in_process: RunLab, path: tuple[str, ...]):
    done = lab_in_process(*path, "--help", "--lang", "zh")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("用法：")
    assert "\n选项：\n" in done.stdout
    assert ENGLISH.findall(CODE.sub("", done.stdout)) == []


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize("name", ["zh", "en"])
def test_help_is_aligned(lab_in_process: RunLab, path: tuple[str, ...], name: str):
    done = lab_in_process(*path, "--help", "--lang", name)
    lines = done.stdout.splitlines()
    assert max(map(cell_len, lines)) <= WIDTH
    for section in re.split(r"\n\n(?=\S)", done.stdout)[1:]:
        rows = section.splitlines()[1:]
        starts = [cell_len(row.group()) for row in map(ROW.match, rows) if row]
        continued = [len(row) - len(row.lstrip()) for row in rows if not ROW.match(row)]
        assert starts
        assert len({*starts, *continued}) == 1


@pytest.mark.parametrize("name", ["zh", "en"])
def test_list_is_aligned(lab_in_process: RunLab, name: str):
    lines = lab_in_process("list", "--lang", name).stdout.splitlines()
    assert len(lines) == len(EXERCISES)
    assert len({cell_len(line) - cell_len(line.split(maxsplit=1)[1]) for line in lines}) == 1
    assert max(map(cell_len, lines)) <= WIDTH
    assert all(bool(CHINESE.search(line)) == (name == "zh") for line in lines)


@pytest.mark.parametrize("name", EXERCISES)
def test_show_is_in_chinese(lab_in_process: RunLab, name: str):
    shown = lab_in_process("show", name, "--lang", "zh").stdout
    with_source = lab_in_process("show", name, "--source", "--lang", "zh").stdout
    program = QUESTIONS[name].source() if name in QUESTIONS else ""
    for text in (shown, with_source.partition("\nfrom __future__")[0]):
        prose = text.replace(program, "")
        assert CHINESE.search(prose)
        assert ENGLISH.findall(CODE.sub("", prose)) == []
        assert max(map(cell_len, prose.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("dance", "没有命令 'dance'"),
        ("compare chess", "没有练习 'chess'；可用的有：isolation、"),
        ("compare tickets --clients 0", "clients 必须是 1 到 10000 之间的整数，不能是 0"),
        ("compare ktv --how magic", "how 必须是 semaphore、nothing、pool 之一，不能是 'magic'"),
        ("compare ktv --guests many", "'--guests' 的值无效：'many' 不是有效的数"),
        ("compare ktv --on moon", "没有后端 'moon'；请从 local,redis,rq 中选择"),
        ("compare ktv --repeat 0", "0 不在范围 x>=1 内"),
        ("compare ktv --fault magic", "故障可以是 kill、pause、cut、restart、restart-empty，"),
        ("run ktv --guest 3", "没有选项 '--guest'。你是不是想用 '--guests'？"),
        ("run ktv 3", "多余的参数：3"),
        ("run ktv --on", "选项 '--on' 需要 1 个值"),
        ("run ktv --watch=1", "选项 '--watch' 不接受值"),
        ("run program.py --on moon", "'moon' 不在可选值之中：'local', 'redis', 'rq'"),
        ("check", "缺少参数 'FOLDER'"),
        ("check none", "没有文件夹 none；请指定由 `lab compare --trace` 写出的文件夹"),
        ("compare ktv --json .", "是文件夹；请指定一个文件"),
        ("compare ktv --json none/figures", "请先创建它"),
        ("worker", "没有指定 Redis 服务器；"),
    ],
)
def test_errors_are_in_chinese(lab_in_process: RunLab, arguments: str, sentence: str):
    command, *rest = arguments.split()
    before = lab_in_process("--lang", "zh", command, *rest)
    after = lab_in_process(command, "--lang", "zh", *rest) if command in cli.commands else before
    for done in (before, after):
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("lab: ")
        assert sentence in done.stderr
        assert ENGLISH.findall(re.sub(r"（见 .*", "", CODE.sub("", done.stderr))) == []


@pytest.mark.parametrize("arguments", ["run ktv --guest 3 --lang zh", "run ktv --guest 3 --lang=zh"])
def test_an_option_that_stands_behind_an_error_counts(lab_in_process: RunLab, arguments: str):
    assert "没有选项" in lab_in_process(*arguments.split()).stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--lang zh run ktv --help", "zh"),
        ("run --lang zh ktv --help", "zh"),
        ("run ktv --lang zh --help", "zh"),
        ("run ktv --help --lang zh", "zh"),
        ("learn --lang zh check --help", "zh"),
        ("--lang zh run ktv --lang en --help", "en"),
        ("run program.py --lang zh --help", "zh"),
        ("run ktv --help", "en"),
    ],
)
def test_the_last_option_decides(lab_in_process: RunLab, arguments: str, expected: str):
    assert lab_in_process(*arguments.split()).stdout.startswith({"zh": "用法：", "en": "Usage:"}[expected])


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, (), "zh"),
        ({"LANG": "en_GB.UTF-8"}, (), "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, (), "en"),
        ({"LANG": "zh_CN.UTF-8"}, ("--lang", "en"), "en"),
        ({"LANGUAGE": "en", "LANG": "en_GB.UTF-8"}, ("--lang", "zh"), "zh"),
    ],
)
def test_the_locale_decides_without_the_option(
    lab_in_process: RunLab,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: tuple[str, ...],
    expected: str,
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shown = lab_in_process("list", *arguments).stdout
    assert bool(CHINESE.search(shown)) == (expected == "zh")
    assert os.environ.get("LANGUAGE") == environment.get("LANGUAGE"), "it is as before"


@pytest.mark.parametrize(("encoding", "expected"), [("ascii", "en"), ("big5", "en"), ("gb18030", "zh")])
def test_output_that_cannot_encode_chinese_is_in_english(monkeypatch: pytest.MonkeyPatch, encoding: str, expected: str):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert default_language() == expected


@pytest.mark.parametrize(("arguments", "status"), [(("--help",), 0), (("--help", "--lang", "zh"), 2)])
def test_chinese_never_becomes_question_marks(
    lab: RunLab, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int
):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = lab(*arguments)
    assert done.returncode == status
    assert done.stdout.startswith("Usage:") == (status == 0)
    assert ("set PYTHONIOENCODING=utf-8" in done.stderr) == (status == 2)
    assert "??" not in done.stdout + done.stderr


@pytest.mark.parametrize("own", [None, "de:fr"])
def test_a_program_has_the_users_own_locale(monkeypatch: pytest.MonkeyPatch, own: str | None):
    if own:
        monkeypatch.setenv("LANGUAGE", own)
    with language("en"):
        set_language("zh")
        assert current_language() == "zh"
        environment = user_environment()
    assert environment.get("LANGUAGE") == own
    assert translate("number of clients") == "number of clients"
    monkeypatch.setenv("LAB_LANGUAGE", environment["LAB_LANGUAGE"])
    assert CHINESE.search(translate("number of clients"))


def test_a_program_is_run_with_the_users_own_locale(lab: RunLab, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LANGUAGE", "de")
    (tmp_path / "own.py").write_text(
        "import gettext, os, sys; print(os.environ['LANGUAGE'], gettext.textdomain(), *sys.argv[1:])\n"
    )
    done = lab("run", tmp_path / "own.py", "--lang", "zh", "--", "--lang", "fr")
    assert done.stdout == "de messages --lang fr\n"


def test_only_a_command_looks_text_up():
    code = "import gettext, lab.cli.main; print(gettext.gettext('number of clients'))"
    with language("zh"):  # the process inherits the variable, as actors do
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "number of clients\n"


@pytest.mark.slow
def test_what_is_recorded_is_in_english(lab: RunLab, tmp_path):
    arguments = ("--clients", 2, "--stock", 1, "--pace", 0, "--fault", "kill")
    lab("run", "tickets", "--on", "redis", "--lang", "zh", "--trace", tmp_path / "runs", *arguments)
    (trace,) = (tmp_path / "runs").iterdir()
    assert '"dies"' in trace.read_text()
    assert not CHINESE.search(trace.read_text())
