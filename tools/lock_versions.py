"""Write the constraints files from the package lists of installed environments.

For maintainers, after an upgrade of a dependency. Install a stack on each of its Python versions,
write `pip freeze --all` of each environment to a file and merge the files:

    python tools/lock_versions.py --out=constraints/pinned.txt 3.10=a.txt 3.11=b.txt
    python tools/lock_versions.py --out=constraints/current.txt 3.10=c.txt 3.11=d.txt 3.12=e.txt ...
    python tools/lock_versions.py --out=constraints/default.txt 3.10=a.txt 3.11=b.txt 3.12=e.txt ...

A package that has one version everywhere gets one plain line; otherwise each run of neighbouring
Python versions that share a version gets a line with an environment marker.
"""

import re

from absl import flags

from tfwave import cli, files
from tfwave.errors import UserError

_OUT = flags.DEFINE_string("out", None, "Constraints file to write.", required=True)
_TITLE = flags.DEFINE_string("title", "", "First comment line of the file.")
# pip is the installer, not a dependency; tfwave is the project itself.
_NOT_LOCKED = ("pip", "tfwave")


def parse_freeze(text):
    """Return {normalised package name: version} of the `name==version` lines of a pip freeze."""
    versions = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line.strip())
        if match:
            name = re.sub(r"[-_.]+", "-", match[1]).lower()
            if name not in _NOT_LOCKED:
                versions[name] = match[2]
    return versions


def merge(environments):
    """Merge package versions of several Python versions into constraint lines.

    Args:
      environments: {(major, minor): {package: version}}.

    Returns:
      List of lines `name==version[; marker]`, sorted by name.
    """
    pythons = sorted(environments)
    lines = []
    for name in sorted(set().union(*environments.values())):
        # A Python version that does not install the package continues the run before it.
        runs = []
        for python in pythons:
            version = environments[python].get(name)
            if version is not None and (not runs or runs[-1][0] != version):
                runs.append((version, python))
        for position, (version, start) in enumerate(runs):
            bounds = []
            if position > 0:
                bounds.append(f'python_version >= "{start[0]}.{start[1]}"')
            if position + 1 < len(runs):
                end = runs[position + 1][1]
                bounds.append(f'python_version < "{end[0]}.{end[1]}"')
            marker = f"; {' and '.join(bounds)}" if bounds else ""
            lines.append(f"{name}=={version}{marker}")
    return lines


def _read(argument):
    """Parse one `3.11=path` argument."""
    match = re.fullmatch(r"(\d+)\.(\d+)=(.+)", argument)
    if not match:
        raise UserError(f"{argument!r} is not of the form 3.11=freeze.txt")
    with open(match[3], encoding="utf-8") as file:
        versions = parse_freeze(file.read())
    if not versions:
        raise UserError(f"{match[3]}: no line of the form name==version")
    return (int(match[1]), int(match[2])), versions


def main(argv):
    if len(argv) < 2:
        raise UserError("no package list given; name at least one as 3.11=freeze.txt")
    lines = merge(dict(_read(argument) for argument in argv[1:]))
    if _TITLE.value:
        lines.insert(0, f"# {_TITLE.value}")
    files.atomic_write(_OUT.value, "".join(line + "\n" for line in lines).encode("utf-8"))
    print(f"{_OUT.value}: {len(lines)} lines")


if __name__ == "__main__":
    cli.run(main)
