"""What every script shares: a user's mistake is one line on stderr, not a traceback."""

import importlib
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
            return (
                app.parse_flags_with_usage(arguments)
                if _asks_help(arguments)
                else (flags.FLAGS(arguments))
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
    return any(
        a.lstrip("-").split("=")[0] in ("help", "helpfull", "helpshort", "helpxml", "?")
        for a in arguments[1:]
        if a.startswith("-")
    )


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


def about(path, error):
    """`one_line` of an exception that concerns a file, which it names where the line does not."""
    sentence = one_line(error)
    return sentence if str(path) in sentence else f"{path}: {sentence}"


def cache_dir(wanted: str) -> pathlib.Path:
    """Return the folder for decoded audio and the like: `wanted`, or ~/.cache/tfwave without it."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(wanted or os.path.join(caches, "tfwave"))


def define_table_flags(out_dir, rows, data_dir="LJSpeech, VCTK, TIMIT or any folder of speech"):
    """Define the flags of a script that rebuilds a table from speech; see `rebuild`.

    Args:
      out_dir: default of --out_dir.
      rows: the rows that can be computed, in words.
      data_dir: which folders it takes.
    """
    flags.DEFINE_string(
        "data_dir", "", f"{data_dir}; empty for built-in sentences, which are synthetic."
    )
    flags.DEFINE_string("out_dir", out_dir, "Result folder.")
    flags.DEFINE_string("preset", "quick", "paper, quick or smoke (seconds, meaningless numbers).")
    flags.DEFINE_list("rows", [], f"Rows to compute: {rows}.")
    flags.DEFINE_integer("seed", 0, "Seed of everything.", lower_bound=0, upper_bound=2**30)
    flags.DEFINE_string(
        "cache_dir", "", "Folder for decoded audio and features; empty for ~/.cache/tfwave."
    )
    flags.DEFINE_bool("strict", False, "Stop at the first audio file that cannot be used.")
    flags.DEFINE_string("strategy", "auto", "auto, one or mirrored.")
    define_profile_flag()


def define_profile_flag():
    """Define --profile of a script that trains."""
    flags.DEFINE_bool("profile", False, "Trace a few steps of each training for TensorBoard.")


def rebuild(argv, module, table="TABLE"):
    """Rebuild a table from speech and print it.

    Args:
      argv: what is left of the command line.
      module: of `tfwave.papers`, which is imported once the flags are parsed.
      table: name in it of the `speech_table.Table`.

    Returns:
      The exit code.

    Raises:
      ValueError, OSError: as one line for the user.
    """
    values = flags.FLAGS
    _only_flags(argv)

    import tensorflow as tf
    from absl import logging

    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.WARNING)

    from tfwave.data.builtin.sentences import read_sentences
    from tfwave.data.corpus import open_corpus
    from tfwave.data.layouts.recognize import SPEECH
    from tfwave.repro import rows
    from tfwave.repro import table as speech_table
    from tfwave.repro.report import report
    from tfwave.training.distribution import open_strategy
    from tfwave.training.interrupts import Interrupted

    table = getattr(importlib.import_module(f"tfwave.papers.{module}"), table)
    preset, cache = _preset(table), cache_dir(values.cache_dir)
    wanted = rows.select(table.rows, values.rows)
    options = speech_table.Options(pathlib.Path(values.out_dir), cache, values.seed, values.profile)
    try:
        if values.data_dir:
            corpus = open_corpus(
                values.data_dir,
                cache,
                preset.sample_rate,
                strict=values.strict,
                layouts=SPEECH,
                unseen_speakers=table.unseen_speakers,
            )
        else:
            corpus = read_sentences(
                cache,
                values.seed,
                dict(preset.sentences),
                preset.speakers,
                held_out_voices=table.unseen_speakers,
                sample_rate=preset.sample_rate,
            )
        strategy = open_strategy(values.strategy)
        made = speech_table.reproduce(table, corpus, preset, wanted, options, strategy)
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    print(f"\n{report.terminal(made)}\n\nReport: {options.out_dir / 'table.html'}")
    print(f"Curves: tensorboard --logdir {options.out_dir / 'rows'}")
    return 0


def define_speed_flags(out_dir, threads):
    """Define the flags of a script that measures a table of speeds; see `measure`.

    Args:
      out_dir: default of --out_dir.
      threads: default of --threads.
    """
    flags.DEFINE_string("out_dir", out_dir, "Result folder.")
    flags.DEFINE_string("preset", "quick", "paper, quick (fewer runs) or smoke (tiny models).")
    flags.DEFINE_integer("threads", threads, "Threads of the CPU.", lower_bound=1)


def measure(argv, module, table):
    """Measure a table of speeds and print it.

    Args:
      argv: what is left of the command line.
      module: of `tfwave.papers`, which is imported once TensorFlow's threads are set.
      table: name in it of the `speed_table.SpeedTable`.

    Raises:
      ValueError, OSError: as one line for the user.
    """
    values = flags.FLAGS
    _only_flags(argv)

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(values.threads)
    tf.config.threading.set_inter_op_parallelism_threads(values.threads)

    from tfwave.repro import speed as speed_table
    from tfwave.repro.report import report

    table = getattr(importlib.import_module(f"tfwave.papers.{module}"), table)
    made = speed_table.reproduce(table, _preset(table), values.out_dir, values.threads)
    print(f"\n{report.terminal(made)}\n\nReport: {os.path.join(values.out_dir, 'table.md')}")


def _only_flags(argv):
    if len(argv) > 1:
        raise ValueError(f"{argv[1]!r} is not a flag; see --help")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _preset(table):
    """The preset that --preset names."""
    name = flags.FLAGS.preset
    if name not in table.presets:
        known = ", ".join(table.presets)
        raise ValueError(f"--preset: there is no preset {name!r}; there are {known}")
    return table.presets[name]
