"""A user's mistake is one line; a defect keeps its traceback."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from absl import flags
from tfwave import cli
KIND = flags.DEFINE_enum("kind", "none", ["none", "value", "os", "interrupt", "bug", "code"], "")
def main(argv):
    kind = KIND.value
    if kind == "value": raise ValueError("--rows: no row\\nis called x")
    if kind == "os": open("/no/such/file")
    if kind == "interrupt": raise KeyboardInterrupt
    if kind == "bug": raise KeyError("oops")
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
        (["--kind=value"], 2, "tool.py: error: --rows: no row is called x\n"),
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


def test_defects_keep_their_traceback(run):
    done = run("--kind=bug")
    assert done.returncode == 1 and "Traceback" in done.stderr and "oops" in done.stderr


def test_exit_code_arguments_and_help(run):
    assert run("a", "b").stdout == "['a', 'b']\n"
    assert run("--kind=code").returncode == 3
    assert "--kind" in run("--help").stdout
