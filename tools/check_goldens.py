"""Compare tfwave with golden vectors that the authors' code computed.

    python tools/check_goldens.py tests/goldens/wavegan tests/goldens/wavenet
    python tools/check_goldens.py tests/goldens/mel/mel.npz --verbose

Prints for every case the worst error relative to its tolerance, and ends with exit code 1 when one
is over it or a case has no check.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from absl import flags

from tfwave import cli
from tfwave.errors import UserError
from tfwave.goldens import find_check, read_golden

flags.DEFINE_bool("verbose", False, "Print every array instead of the worst of each case.")


def main(argv):
    places = argv[1:]
    if not places:
        raise UserError("name one or more golden cases (.npz) or folders of them")
    cli.quiet_tensorflow()
    failed = total = 0
    for path in [path for place in places for path in _cases(place)]:
        total += 1
        failed += not _check(path, flags.FLAGS.verbose)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


def _cases(place):
    """Return the paths of the golden cases of a folder, or the one case that is named."""
    if os.path.isfile(place):
        return [place]
    if not os.path.isdir(place):
        raise UserError(f"{place}: no such file or folder")
    paths = sorted(str(path) for path in pathlib.Path(place).glob("*.npz"))
    if not paths:
        raise UserError(f"{place}: no golden case (.npz) in this folder")
    return paths


def _check(path, verbose):
    """Check one case, print the outcome and return whether it passed."""
    golden = read_golden(path)
    try:
        results = find_check(golden).run(golden)
    except ValueError as error:
        print(f"FAIL {path}: {cli.one_line(error)}")
        return False
    if not results:
        print(f"FAIL {path}: its check compares none of its arrays")
        return False
    passed = all(error <= tolerance for _, error, tolerance in results)
    worst = max(results, key=lambda r: r[1] / r[2] if r[2] else float("inf") * r[1] if r[1] else 0)
    for name, error, tolerance in results if verbose else [worst]:
        verdict = "ok  " if passed else "FAIL"
        if verbose:
            verdict = "ok  " if error <= tolerance else "FAIL"
        print(f"{verdict} {path}: {name}: error {error:.2e}, tolerance {tolerance:.2e}")
    return passed


if __name__ == "__main__":
    cli.run(main)
