"""What every script shares: a user's mistake is one line on stderr, not a traceback."""

import os
import pathlib
import signal
import sys

from absl import app, flags

_MISTAKE = 2
_INTERRUPTED = 128 + signal.SIGINT


def run(main, argv=None):
    """Parse flags, call `main(argv)` and leave the process with its exit code.

    A mistake of the user (an illegal flag, or a ValueError or OSError out of `main`) prints one
    line `script.py: error: sentence` and exits with 2; Ctrl-C exits with 130. Any other exception
    is a defect and keeps its traceback. Set TFWAVE_TRACEBACK=1 to see every traceback.

    Args:
      main: function of the positional arguments (with the script's name first) that returns an
        exit code or None.
      argv: the command line, by default sys.argv.
    """
    argv = list(sys.argv if argv is None else argv)
    script = os.path.basename(argv[0])

    def parse(arguments):
        try:
            return app.parse_flags_with_usage(arguments) if _asks_help(arguments) else (
                flags.FLAGS(arguments)
            )
        except flags.Error as error:
            _exit(script, error)

    def guarded(positional):
        try:
            code = main(positional)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:
            print(f"{script}: interrupted", file=sys.stderr)
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough; nothing is left to say to it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except (ValueError, OSError) as error:
            if os.environ.get("TFWAVE_TRACEBACK"):
                raise
            _exit(script, error)

    app.run(guarded, argv=argv, flags_parser=parse)


def _asks_help(arguments):
    return any(a.lstrip("-").split("=")[0] in ("help", "helpfull", "helpshort", "helpxml", "?")
               for a in arguments[1:] if a.startswith("-"))


def _exit(script, error):
    print(f"{script}: error: {one_line(error)}", file=sys.stderr)
    sys.exit(_MISTAKE)


def one_line(error):
    """Put an exception into one line: for operating system errors the file, then the reason."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename if error.filename is not None else error.filename2
        text = f"{name}: {error.strerror}" if name is not None else error.strerror
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def cache_dir(wanted: str) -> pathlib.Path:
    """Return the folder for decoded audio and the like: `wanted`, or ~/.cache/tfwave without it."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(wanted or os.path.join(caches, "tfwave"))
