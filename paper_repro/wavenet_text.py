"""Collect the numbers in the text of WaveNet (arXiv:1609.03499) that models and corpora give.

    python paper_repro/wavenet_text.py
    python paper_repro/wavenet_text.py --vctk_dir=VCTK-Corpus --english_dir=LJSpeech-1.1

Computes receptive fields from the models, counts hours and speakers of the corpora that are given,
and writes OUT_DIR/table.md and results.json. With --table1_dir, gaps between opinion scores come
from the ratings.json in a result folder of wavenet_table1.py.
"""

from absl import flags

from tfwave import cli
from tfwave.papers.wavenet.tables import CORPORA, TEXT

cli.define_table_flags(TEXT)
for _name, (_, _recordings) in CORPORA.items():
    flags.DEFINE_string(_name, "", f"{_recordings}.")
flags.DEFINE_string("table1_dir", "", "Result folder of wavenet_table1.py with ratings.json.")


def main(argv):
    """Collect the numbers and return the exit code."""
    extra = {name: getattr(flags.FLAGS, name) for name in (*CORPORA, "table1_dir")}
    return cli.rebuild(argv, TEXT, **extra)


if __name__ == "__main__":
    cli.run(main)
