"""The command line of every script: flags, --help, and a user's mistake as one line on stderr."""

import os
import pathlib
import signal
import sys
from collections.abc import Callable

from absl import app, flags

from tfwave.errors import UserError
from tfwave.repro.rows import select
from tfwave.repro.table import Options, Table

_MISTAKE = 2
_INTERRUPTED = 128 + signal.SIGINT

# Flags that are defined here belong to the script that calls, so that its --help lists them.
flags.disclaim_key_flags()


def run(main: Callable[[list[str]], int | None], argv: list[str] | None = None) -> None:
    """Parse flags, call `main(argv)` and leave the process with its exit code.

    A mistake of the user (an illegal flag, or a UserError or OSError out of `main`) prints one
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
        if {"--help", "-help", "-h", "-?"} & set(arguments[1:]):
            _print_help(arguments[0])
        try:
            return flags.FLAGS(arguments)
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
        except (UserError, OSError) as error:
            if os.environ.get("TFWAVE_TRACEBACK"):
                raise
            _exit(script, error)

    app.run(guarded, argv=argv, flags_parser=parse)


def _print_help(script):
    """Print the script's docstring and its flags with their defaults, and leave."""
    for flag in flags.FLAGS.get_key_flags_for_module(script):
        if flag.default is None:
            flag.default_as_str = "none"
    app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)


def _exit(script, error):
    print(f"{script}: error: {one_line(error)}", file=sys.stderr)
    sys.exit(_MISTAKE)


def one_line(error: Exception) -> str:
    """Put an exception into one line: for operating system errors the file, then the reason."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename if error.filename is not None else error.filename2
        text = f"{name}: {error.strerror}" if name is not None else error.strerror
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def about(path, error: Exception) -> str:
    """`one_line` of an exception that concerns a file, which it names where the line does not."""
    sentence = one_line(error)
    return sentence if str(path) in sentence else f"{path}: {sentence}"


def cache_dir(name: str) -> pathlib.Path:
    """Return the folder for decoded audio and the like: `name`, or ~/.cache/tfwave without it."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(name or os.path.join(caches, "tfwave"))


def refuse_arguments(argv: list[str]) -> None:
    """Raise UserError where a script that takes flags alone is given anything else."""
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is not a flag; see --help")


def quiet_tensorflow() -> None:
    """Import TensorFlow without its log of libraries that are absent; errors reach Python."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import tensorflow as tf
    from absl import logging

    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.WARNING)


def define_table_flags(table: Table) -> None:
    """Define the flags of the script that rebuilds a table; see `rebuild`."""
    computed = ", ".join(row.key for row in table.computed)
    alike = "".join(f" Give every machine the same --{name}." for name in table.agreeing)
    precisions = " or ".join(table.precisions)
    flags.DEFINE_string("out_dir", table.key, "Result folder.")
    flags.DEFINE_string("preset", table.preset, table.preset_help)
    flags.DEFINE_list("rows", [], f"Rows to compute, all by default: {computed}.")
    flags.DEFINE_list(
        "merge",
        [],
        "Result folders of other machines whose finished rows are copied in. Without --rows "
        f"nothing else is computed.{alike}",
    )
    texts = {
        "data_dir": f"{table.data}; empty for the built-in corpus, which is synthetic.",
        "cache_dir": "Folder for decoded audio, features and classifiers; empty for "
        "~/.cache/tfwave.",
    }
    switches = {
        "strict": "Stop at the first audio file that cannot be used.",
        "profile": "Trace a few steps of each training for TensorBoard.",
    }
    for name in table.flags:
        if name in texts:
            flags.DEFINE_string(name, "", texts[name])
        elif name in switches:
            flags.DEFINE_bool(name, False, switches[name])
    if "seed" in table.flags:
        flags.DEFINE_integer("seed", 0, "Seed of everything.", lower_bound=0, upper_bound=2**30)
    if "threads" in table.flags:
        help_text = "Threads of the CPU; 0 for all."
        flags.DEFINE_integer("threads", table.threads, help_text, lower_bound=0)
    if "strategy" in table.flags:
        help_text = "auto, one, mirrored or multi_worker (with TF_CONFIG)."
        flags.DEFINE_string("strategy", "auto", help_text)
    if "precision" in table.flags:
        flags.DEFINE_enum(
            "precision",
            "auto",
            ["auto", "float32", "mixed_bfloat16"],
            "Number format inside the networks; auto chooses what is fastest here. The rows of "
            f"this table can be computed in {precisions}.",
        )


def rebuild(argv: list[str], table: Table, **extra) -> int:
    """Rebuild a table and print it.

    Args:
      argv: what is left of the command line.
      table: the table, whose flags `define_table_flags` has defined.
      **extra: values of the flags that only this script has.

    Returns:
      The exit code.

    Raises:
      UserError, OSError: as one line for the user.
    """
    refuse_arguments(argv)
    options = _options(table, extra)
    table.check_preset(options.preset)
    select(table.rows, options.rows)
    quiet_tensorflow()

    import tensorflow as tf

    from tfwave.repro.report import report
    from tfwave.repro.reproduce import reproduce
    from tfwave.training.distribution import open_strategy
    from tfwave.training.interrupts import Interrupted

    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    try:
        strategy = open_strategy(flags.FLAGS.strategy) if "strategy" in table.flags else None
        finished = reproduce(table, options, strategy)
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    if finished is not None:
        page = "table.html" if table.with_page else "table.md"
        print(f"\n{report.terminal(finished)}\n\nReport: {options.out_dir / page}")
        if "strategy" in table.flags:
            print(f"Curves: tensorboard --logdir {options.out_dir / 'rows'}")
    return 0


def _options(table, extra):
    """Return the options that the flags say."""
    values = flags.FLAGS
    plain = {name: getattr(values, name) for name in table.flags if name != "strategy"}
    return Options(
        **{
            **plain,
            "out_dir": pathlib.Path(values.out_dir),
            "cache_dir": cache_dir(plain.get("cache_dir", "")),
            "preset": values.preset,
            "rows": tuple(values.rows),
            "merge": tuple(pathlib.Path(folder) for folder in values.merge),
            "extra": extra,
        }
    )
