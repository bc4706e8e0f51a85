"""A user's mistake is one line, a defect keeps its traceback, --help is complete and quick."""

import importlib
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

SCRIPT = """
import sys
from absl import flags
from tfwave import cli
from tfwave.errors import UserError
KINDS = ["none", "user", "os", "interrupt", "key", "value", "code"]
KIND = flags.DEFINE_enum("kind", "none", KINDS, "")
def main(argv):
    kind = KIND.value
    if kind == "user": raise UserError("--rows: no row\\nis called x")
    if kind == "os": open("/no/such/file")
    if kind == "interrupt": raise KeyboardInterrupt
    if kind == "key": raise KeyError("oops")
    if kind == "value": raise ValueError("oops")
    print(argv[1:])
    return 3 if kind == "code" else None
if __name__ == "__main__":
    cli.run(main)
"""


@pytest.fixture
def run(tmp_path, root):
    script = tmp_path / "tool.py"
    script.write_text(SCRIPT)

    def call(*arguments):
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PYTHONPATH": str(root), "PATH": ""},
        )

    return call


@pytest.mark.parametrize(
    "arguments, code, line",
    [
        (["--kind=user"], 2, "tool.py: error: --rows: no row is called x\n"),
        (["--kind=os"], 2, "tool.py: error: /no/such/file: No such file or directory\n"),
        (["--kind=interrupt"], 130, "tool.py: interrupted\n"),
    ],
)
def test_mistakes_are_one_line(run, arguments, code, line):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (code, line)


@pytest.mark.parametrize("flag", ["--kind=other", "--nosuch", "--kind"])
def test_flag_errors_are_one_line(run, flag):
    done = run(flag)
    assert done.returncode == 2
    assert done.stderr.startswith("tool.py: error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["key", "value"])
def test_defects_keep_their_traceback(run, kind):
    done = run(f"--kind={kind}")
    assert done.returncode == 1 and "Traceback" in done.stderr and "oops" in done.stderr


def test_exit_code_arguments_and_help(run):
    assert run("a", "b").stdout == "['a', 'b']\n"
    assert run("--kind=code").returncode == 3
    asked = run("--help")
    assert asked.returncode == 0 and "--kind" in asked.stdout and not asked.stderr


HELP = """
import runpy, sys
from absl import flags
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    own = [
        flag.name
        for module, defined in flags.FLAGS.flags_by_module_dict().items()
        for flag in defined
        if not module.startswith("absl.")
    ]
    print(*own, file=sys.stderr)
    print(*{"tensorflow", "keras", "matplotlib"} & set(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "script",
    [
        str(path.relative_to(ROOT))
        for path in sorted([*ROOT.glob("paper_repro/*.py"), *ROOT.glob("tools/*.py")])
    ],
)
def test_help_lists_every_flag_with_its_default_and_imports_little(script):
    done = subprocess.run(
        [sys.executable, "-c", HELP, script, "--help"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    own, heavy = done.stderr.split("\n")[-3:-1]
    assert not heavy, f"{script} imports {heavy} before its flags are parsed"
    for name in own.split():
        described = re.search(rf"--(\[no\])?{name}: (.*?)(?=\n  --|\Z)", done.stdout, re.DOTALL)
        assert described and "(default: " in described[0], f"{script}: --{name}"


def test_help_of_a_table_lists_its_rows_and_flags():
    table = importlib.import_module("tfwave.papers.wavernn.tables").TABLE3
    done = subprocess.run(
        [sys.executable, "paper_repro/wavernn_table3.py", "--help"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=60,
    )
    text = " ".join(done.stdout.split())
    assert ", ".join(row.key for row in table.computed) + "." in text and "fused_2" not in text
    for flag in ("rows", "preset", "merge", "precision", "strategy", "[no]profile", "seed"):
        assert f"--{flag}:" in text
