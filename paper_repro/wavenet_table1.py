"""Rebuild what can be measured of Table 1 of WaveNet (arXiv:1609.03499), and its clips.

    python paper_repro/wavenet_table1.py
    python paper_repro/wavenet_table1.py --data_dir=LJSpeech-1.1 --preset=paper

Trains WaveNet, measures the likelihood of held-out speech, and writes OUT_DIR/table.html, table.md,
results.json, figures and clips of every row that can be made. The scores of the paper need
listeners: put their ratings into OUT_DIR/ratings.json. The same command resumes where it was
stopped and computes nothing twice.
"""

from tfwave import cli
from tfwave.papers.wavenet.tables import TABLE1

cli.define_table_flags(TABLE1)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE1)


if __name__ == "__main__":
    cli.run(main)
