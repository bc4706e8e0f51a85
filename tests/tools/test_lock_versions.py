"""Merging package lists of several Python versions into constraint lines."""

import pytest
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def lock(load_script):
    return load_script("tools/lock_versions.py")


def test_parse_freeze_normalises_and_leaves_out(lock):
    text = "Jinja2==3.1.6\nopt_einsum==3.4.0\npip==26.3\ntfwave==0.1.0\n-e git+x\nx @ file:///y\n"
    assert lock.parse_freeze(text) == {"jinja2": "3.1.6", "opt-einsum": "3.4.0"}


def test_merge_gives_every_python_its_version(lock):
    environments = {
        (3, 10): {"a": "1", "b": "1", "only-here": "4"},
        (3, 11): {"a": "1", "b": "2"},
        (3, 12): {"a": "1", "b": "2"},
        (3, 13): {"a": "1", "b": "3"},
    }
    lines = [Requirement(line) for line in lock.merge(environments)]
    assert str(lines[0]) == "a==1"
    for (major, minor), wanted in environments.items():
        python = {"python_version": f"{major}.{minor}"}
        chosen = [r for r in lines if r.marker is None or r.marker.evaluate(python)]
        versions = {r.name: str(r.specifier)[2:] for r in chosen}
        assert wanted.items() <= versions.items()
        assert len(chosen) == len(versions)


def test_command_line(run_script, tmp_path):
    (tmp_path / "a.txt").write_text("numpy==1.26.4\n")
    (tmp_path / "b.txt").write_text("numpy==2.5.5\n")
    out = tmp_path / "out.txt"
    done = run_script(
        "tools/lock_versions.py",
        f"--out={out}",
        "--title=Versions.",
        f"3.11={tmp_path}/a.txt",
        f"3.12={tmp_path}/b.txt",
        fresh=True,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text() == (
        '# Versions.\nnumpy==1.26.4; python_version < "3.12"\n'
        'numpy==2.5.5; python_version >= "3.12"\n'
    )


def test_bad_arguments_are_one_line(run_script, tmp_path):
    for argument in ("nonsense", f"3.11={tmp_path}/absent.txt"):
        out = f"--out={tmp_path}/out.txt"
        done = run_script("tools/lock_versions.py", out, argument, fresh=True)
        assert done.returncode == 2
        assert done.stderr.startswith("lock_versions.py: error: ")
        assert len(done.stderr.strip().splitlines()) == 1
