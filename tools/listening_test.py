"""Have people judge clips: make a listening test, serve it as a web page, compute its results.

    python tools/listening_test.py make --from=wavenet_table1 --kind=mos --out=test
    python tools/listening_test.py serve test
    python tools/listening_test.py results test --out=wavenet_table1/ratings.json

Kinds: digits (which digit is it, then three ratings of each set; WaveGAN), mos (one clip at a
time, 1 to 5; WaveNet, MelGAN, WaveGlow), pairs (which of two; WaveNet's Table 2, GANSynth).
Clips come from the result folder of a table, or from folders given by --system=NAME=FOLDER. After
`results --out` the table's script shows the ratings beside the published ones. The page listens on
this machine alone unless --host is given; every rating is on the disk when it is answered.
"""

from absl import flags

from tfwave import cli, files
from tfwave.errors import UserError
from tfwave.listening import folder, making, panel, protocols, sources

_FROM = flags.DEFINE_string("from", "", "make: result folder of a table.")
_ROWS = flags.DEFINE_list("rows", [], "make: rows of that table; all finished ones by default.")
_SYSTEM = flags.DEFINE_multi_string("system", [], "make: NAME=FOLDER, once for each system.")
_RECORDINGS = flags.DEFINE_string(
    "recordings", "", "make, digits: folder of real recordings of digits, for the warm-up."
)
_KIND = flags.DEFINE_enum("kind", None, protocols.KINDS, "make: what is asked.")
_CLIPS = flags.DEFINE_integer(
    "clips", 0, "make: at most this many clips of each system; 0 for all.", lower_bound=0
)
_ITEMS = flags.DEFINE_integer(
    "items",
    0,
    "make: clips or pairs for one listener; 0 for 30 digits, 15 clips, 20 pairs.",
    lower_bound=0,
)
_LEVEL = flags.DEFINE_float(
    "level", None, "make: RMS in dB of full scale that all clips are brought to."
)
_QUESTION = flags.DEFINE_string("question", "", "make: other words for the question.")
_CHOICES = flags.DEFINE_integer(
    "choices", 0, "make, pairs: 3, 5 or 7 degrees; 0 for those of the table."
)
_LANGUAGE = flags.DEFINE_string(
    "language", "", "make: part of the column's name, where a table has one for each language."
)
_PASS_MARK = flags.DEFINE_float(
    "pass_mark", 0.75, "make: share of the attention checks that a listener must answer rightly."
)

_HOST = flags.DEFINE_string("host", "127.0.0.1", "serve: address to listen on.")
_PORT = flags.DEFINE_integer(
    "port", 8765, "serve: port; 0 for a free one.", lower_bound=0, upper_bound=65535
)
_RATE = flags.DEFINE_integer(
    "requests_per_minute", 600, "serve: that one address may make.", lower_bound=1
)

_OUT = flags.DEFINE_string(
    "out", "", "make: folder of the test. results: ratings.json of the table's result folder."
)
_DETAILS = flags.DEFINE_string("details", "", "results: JSON file for everything that is known.")
_INTERVAL = flags.DEFINE_enum(
    "interval",
    "paper",
    ["paper", "normal", "t", "raters", "bootstrap"],
    "results: plus-minus in --out. paper: as the table's; the others are 95 % intervals: normal "
    "(1.96 standard errors), t, raters (t over listeners' means), bootstrap (over listeners).",
)
_ANY_HEADPHONES = flags.DEFINE_bool(
    "any_headphones", False, "results: count those who wore no headphones."
)


def make():
    """Make the folder of a test."""
    if not _KIND.value:
        raise UserError(f"--kind must be one of {', '.join(protocols.KINDS)}")
    if not _OUT.value:
        raise UserError("--out must name the folder of the test")
    if bool(_FROM.value) == bool(_SYSTEM.value):
        raise UserError("give either --from=RESULT_FOLDER or --system=NAME=FOLDER")
    if _FROM.value:
        if _RECORDINGS.value:
            raise UserError("--recordings goes with --system; a table has its own")
        source = sources.from_table(_FROM.value, _ROWS.value)
    else:
        source = sources.from_folders(_SYSTEM.value, _RECORDINGS.value)
    options = making.Options(
        clips=_CLIPS.value,
        items=_ITEMS.value,
        level=_LEVEL.value,
        question=_QUESTION.value,
        choices=_CHOICES.value,
        language=_LANGUAGE.value,
        pass_mark=_PASS_MARK.value,
    )
    test, notes = making.make(source, _KIND.value, _OUT.value, options)
    for note in notes:
        print(f"note: {note}")
    rated = len(test.having(folder.ITEM))
    print(
        f"{_OUT.value}: {len(test.groups)} systems or pairs, {rated} items, "
        f"{test.items_per_rater} for each listener; test {test.id[:12]}"
    )


def serve(path):
    """Serve a test until Ctrl-C."""
    test = folder.read(path)
    folder.check_clips(test)
    try:
        from tfwave.listening import guard, web
    except ModuleNotFoundError as error:
        raise UserError(
            f'{error.name} is not installed; pip install -e ".[listening]" brings it'
        ) from None
    if not guard.is_loopback(_HOST.value):
        print(f"note: whoever reaches {_HOST.value} can take part, without encryption", flush=True)
    web.serve(test, _HOST.value, _PORT.value, _RATE.value, lambda line: print(line, flush=True))


def print_results(path):
    """Print the results of a test and write the requested files."""
    from tfwave.listening import results

    test = folder.read(path)
    screened = results.screen(test, panel.read_panel(test), _ANY_HEADPHONES.value)
    evaluated = results.evaluate(test, screened)
    for line in results.as_text(test, evaluated, _INTERVAL.value):
        print(line)
    if _DETAILS.value:
        files.write_json(_DETAILS.value, evaluated)
    if _OUT.value:
        cells = results.as_ratings(test, evaluated, _INTERVAL.value)
        results.write_ratings(test, cells, _OUT.value)


def main(argv):
    """Run a command and return the exit code."""
    command, *paths = argv[1:] or [""]
    if command == "make" and not paths:
        return make()
    if command == "serve" and len(paths) == 1:
        return serve(paths[0])
    if command == "results" and len(paths) == 1:
        return print_results(paths[0])
    raise UserError("give one of: make, serve TEST, results TEST")


if __name__ == "__main__":
    cli.run(main)
