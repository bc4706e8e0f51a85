"""Rules of the architecture: imports, flags, stacks, exact versions, commands of README.md."""

import ast
import configparser
import functools
import importlib
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tfwave"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted([*ROOT.glob("paper_repro/*.py"), *ROOT.glob("tools/*.py")])
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Imports point down, from a higher layer to a lower one.
LAYERS = {
    "errors": 0,
    "restricted_pickle": 0,
    "plain_pickle": 0,
    "torch_tensors": 0,
    "torch_files": 0,
    "tf1_files": 0,
    "compat": 0,
    "files": 0,
    "goldens": 0,
    "audio": 0,
    "layers": 0,
    "losses": 1,
    "metrics": 1,
    "models": 2,
    "data": 2,
    "training": 3,
    "serving": 3,
    "repro": 4,
    "papers": 5,
    "listening": 6,
    "cli": 6,
}
# Systems built from others; the rest import only modules beside the folders of systems.
MODELS_OF_MODELS = {"fatchord_wavernn": {"wavenet"}}
# The folder of papers/ that several papers share.
SHARED_BY_PAPERS = "vocoders"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
STACKS = {"pinned": ("3.10", "3.11"), "current": PYTHONS, "default": PYTHONS}


def relative(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """Yield (full module name, whether it is imported when the module is) of a source file."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in inside


def part_of(module):
    """Return the top part of tfwave that a full module name belongs to, None for others."""
    parts = module.split(".")
    return parts[1] if parts[0] == "tfwave" and len(parts) > 1 else None


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_point_down(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        assert {m for m, _ in imports(path)} <= {"importlib", "typing.Any"}, (
            "importing does no work"
        )
        return
    assert own in LAYERS, f"{own} has no layer"
    for module, _ in imports(path):
        part = part_of(module)
        if part is None or part == own or part == "__version__":
            continue
        assert LAYERS[part] <= LAYERS[own], f"{relative(path)} imports {module} from above"


@pytest.mark.parametrize("path", [p for p in SOURCES if "models" in p.parts], ids=relative)
def test_models_import_no_data(path):
    for module, _ in imports(path):
        assert part_of(module) not in ("data", "training", "repro", "papers"), module


def folder_of(module, part):
    """Return the folder below `tfwave.part` that a full module name belongs to, or None."""
    parts = module.split(".")
    folder = ".".join(parts[2:3])
    inside = part_of(module) == part and folder
    return folder if inside and (PACKAGE / part / folder).is_dir() else None


@pytest.mark.parametrize("path", [p for p in SOURCES if "models" in p.parts], ids=relative)
def test_a_system_imports_only_its_parts(path):
    own = folder_of(".".join(path.relative_to(ROOT).with_suffix("").parts), "models")
    for module, _ in imports(path):
        other = folder_of(module, "models")
        if other and own:
            assert other == own or other in MODELS_OF_MODELS.get(own, ()), module


@pytest.mark.parametrize("path", [p for p in SOURCES if "papers" in p.parts], ids=relative)
def test_a_paper_imports_no_other(path):
    own = folder_of(".".join(path.relative_to(ROOT).with_suffix("").parts), "papers")
    for module, _ in imports(path):
        assert folder_of(module, "papers") in (None, own, SHARED_BY_PAPERS), module


@pytest.mark.parametrize("path", [p for p in SOURCES if "repro" in p.parts], ids=relative)
def test_the_engine_names_no_system(path):
    for module, _ in imports(path):
        assert part_of(module) != "papers" and folder_of(module, "models") is None, module


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS], ids=relative)
def test_only_compat_depends_on_the_stack(path):
    if path == PACKAGE / "compat.py":
        return
    text = path.read_text(encoding="utf-8")
    for module, _ in imports(path):
        assert module.split(".")[0] not in ("tensorflow_addons", "tensorflow_io"), module
    assert "tf.keras" not in text and "tensorflow.keras" not in text
    assert not re.search(r"\b(tf|keras|tensorflow)\.__version__(\s*[<>=]=?|\.startswith)", text)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_package_reads_no_flags(path):
    if path == PACKAGE / "cli.py":  # what the scripts share
        return
    for module, _ in imports(path):
        assert not module.startswith(("absl.flags", "absl.app", "argparse")), module


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_pyplot(path):
    # pyplot keeps figures in global state.
    assert not any(module.startswith("matplotlib.pyplot") for module, _ in imports(path))


def test_every_folder_is_a_package():
    for path in SOURCES:
        assert (path.parent / "__init__.py").exists(), relative(path.parent)


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS], ids=relative)
def test_files_stay_readable(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "__init__.py":
        assert ast.get_docstring(tree), "no module docstring"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            # A class holds several functions; only functions have a limit.
            length = node.end_lineno - node.lineno + 1
            limit = 80 if isinstance(node, ast.FunctionDef) else 400
            assert length <= limit, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_scripts_turn_mistakes_into_one_line(path):
    text = path.read_text(encoding="utf-8")
    assert "cli.run(main)" in text and '__name__ == "__main__"' in text


# Dependencies.


def setup_requirements():
    """Return the Requirement lists of setup.cfg: install_requires and every extra."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    sections = {"install": config["options"]["install_requires"]}
    sections.update(config["options.extras_require"])
    return {name: list(parse_requirements(text)) for name, text in sections.items()}


def parse_requirements(text):
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line and not line.startswith("-"):
            yield Requirement(line)


def applies(requirement, python):
    return requirement.marker is None or requirement.marker.evaluate({"python_version": python})


def locked(stack, python):
    """Return {package: exact version} of a constraints file for one Python version."""
    versions = {}
    for requirement in parse_requirements((ROOT / f"constraints/{stack}.txt").read_text()):
        if applies(requirement, python):
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", str(requirement)
            assert requirement.name not in versions, f"{requirement.name} twice on {python}"
            versions[requirement.name] = specifier.version
    return versions


@pytest.mark.parametrize("python", PYTHONS)
def test_default_constraints_follow_the_stack(python):
    stack = "pinned" if python in STACKS["pinned"] else "current"
    expected, default = locked(stack, python), locked("default", python)
    assert expected.items() <= default.items()
    # What is left is only asked for by packages of the other stack.
    for name in default.keys() - expected.keys():
        assert name not in {r.name for r in setup_requirements()["install"] if applies(r, python)}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_is_locked_within_its_range(python):
    default = locked("default", python)
    for name, requirements in setup_requirements().items():
        for requirement in requirements:
            if applies(requirement, python):
                assert requirement.specifier.contains(default[requirement.name]), (name, python)


@pytest.mark.parametrize("python", PYTHONS)
def test_current_stack_by_hand_repeats_setup_cfg(python):
    by_hand = list(parse_requirements((ROOT / "requirements/current.txt").read_text()))
    by_hand = {r.name: r.specifier for r in by_hand if applies(r, python)}
    every = setup_requirements()
    wanted = {
        r.name: r.specifier
        for r in [*every["install"], *every["test"], *every["lint"]]
        if applies(r, "3.13")
    }
    if python == "3.10":  # Keras 3.12 is the last one there
        wanted["keras"] = SpecifierSet(">=3.12,<3.13")
    assert by_hand == wanted
    current = locked("current", python)
    for name, specifier in by_hand.items():
        assert specifier.contains(current[name]), name


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there is no pinned stack")
def test_packages_of_the_pinned_stack_work_together():
    import keras
    import numpy

    if not keras.__version__.startswith("2."):
        pytest.skip("this is the current stack, installed by hand")
    names = ("absl", "keras", "matplotlib", "numpy", "scipy", "tensorflow")
    for name in (*names, "tensorflow_addons", "tensorflow_io"):
        importlib.import_module(name)
    addons, io = sys.modules["tensorflow_addons"], sys.modules["tensorflow_io"]
    # Both have ops that are compiled for one TensorFlow only.
    ramp = numpy.array([0.0, 0.5, 1.0, 0.0], numpy.float32)
    assert io.audio.trim(ramp, axis=0, epsilon=0.1).numpy().tolist() == [1, 3]
    image = numpy.array([[[0], [1], [1]]], numpy.uint8)
    assert addons.image.euclidean_dist_transform(image).numpy().ravel().tolist() == [0, 1, 2]


def test_markers_are_understood():
    for stack in STACKS:
        for line in (ROOT / f"constraints/{stack}.txt").read_text().splitlines():
            if ";" in line:
                assert Marker(line.split(";")[1]) is not None


def test_pre_commit_uses_the_locked_ruff():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert f"rev: v{locked('default', '3.12')['ruff']}\n" in text


# The README.


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def readme_commands():
    """Return the single command lines of the shell blocks."""
    lines = "".join(fenced("bash")).replace("\\\n", " ").splitlines()
    commands = [part.strip() for line in lines for part in line.split("#")[0].split("&&")]
    return [command for command in commands if command]


def test_readme_names_files_that_exist():
    for command in readme_commands():
        for word in shlex.split(command):
            if re.fullmatch(r"(paper_repro|tools|tests|constraints|requirements)/\S+", word):
                assert (ROOT / word).exists(), f"README.md: {word}"
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), f"README.md: {link}"


@functools.cache
def help_of(script):
    """Return what a script prints for --help."""
    command = [sys.executable, str(ROOT / script), "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment).stdout


def test_readme_uses_flags_that_exist():
    found = 0
    for command in readme_commands():
        words = shlex.split(command)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if len(words) < 2 or words[0] != "python" or not words[1].endswith(".py"):
            continue
        text = help_of(words[1])
        for word in words[2:]:
            if word.startswith("--") and word != "--help":
                name = word[2:].split("=")[0]
                known = re.search(rf"--(\[no\])?{name}:", text)
                assert known, f"README.md: {words[1]} has no --{name}"
                found += 1
    assert found > 5


def test_readme_installs_and_tests_in_one_line():
    lines = README.splitlines()
    prefix = "python3 -m venv .venv && . .venv/bin/activate && pip install "
    assert any(x.startswith(prefix) and x.endswith("python -m pytest -n 2") for x in lines)
    assert any(x.startswith(prefix) and "paper_repro/wavegan_table1.py" in x for x in lines)
