"""Collect the numbers in the text of WaveNet (arXiv:1609.03499) that models and corpora give.

    python paper_repro/wavenet_text.py
    python paper_repro/wavenet_text.py --vctk_dir=VCTK-Corpus --english_dir=LJSpeech-1.1

Computes receptive fields from the models, counts hours and speakers of the corpora that are given,
and writes OUT_DIR/table.md and results.json. With --table1_dir, gaps between opinion scores come
from the ratings.json in a result folder of wavenet_table1.py.
"""

import os

from absl import flags

from tfwave import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("out_dir", "wavenet_text", "Result folder.")
flags.DEFINE_string("vctk_dir", "", "VCTK.")
flags.DEFINE_string("english_dir", "", "English recordings of one speaker.")
flags.DEFINE_string("mandarin_dir", "", "Mandarin recordings of one speaker.")
flags.DEFINE_string("magnatagatune_dir", "", "MagnaTagATune.")
flags.DEFINE_string("piano_dir", "", "Piano recordings.")
flags.DEFINE_string("table1_dir", "", "Result folder of wavenet_table1.py with ratings.json.")
flags.DEFINE_string("cache_dir", "", "Folder for decoded audio; empty for ~/.cache/tfwave.")
flags.DEFINE_bool("strict", False, "Stop at the first audio file that cannot be used.")


def main(argv):
    """Collect and print the numbers."""
    if len(argv) > 1:
        raise ValueError(f"{argv[1]!r} is not a flag; see --help")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from tfwave.data.corpus import open_corpus
    from tfwave.data.layouts.recognize import SPEECH
    from tfwave.papers.wavenet import text as wavenet_text
    from tfwave.repro.report import report

    if FLAGS.table1_dir and not os.path.isdir(FLAGS.table1_dir):
        raise ValueError(f"--table1_dir: {FLAGS.table1_dir} is no folder")
    folders = {name: getattr(FLAGS, f"{name}_dir") for name in wavenet_text.CORPORA}
    cache = cli.cache_dir(FLAGS.cache_dir)
    corpora = {
        name: open_corpus(folder, cache, strict=FLAGS.strict, layouts=SPEECH)
        for name, folder in folders.items()
        if folder
    }
    made = wavenet_text.reproduce(FLAGS.out_dir, corpora, FLAGS.table1_dir)
    print(f"\n{report.terminal(made)}\n\nReport: {os.path.join(FLAGS.out_dir, 'table.md')}")


if __name__ == "__main__":
    cli.run(main)
