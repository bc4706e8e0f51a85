"""Rebuild what can be made of Table 1 of WaveGlow (arXiv:1811.00002).

    python paper_repro/waveglow_table1.py
    python paper_repro/waveglow_table1.py --data_dir=LJSpeech-1.1 --preset=paper

Trains WaveGlow and WaveNet, runs them on held-out recordings, measures the outcome, and writes
OUT_DIR/table.html, table.md, results.json, figures and clips. The scores of the paper need
listeners: put their ratings into OUT_DIR/ratings.json. The same command resumes where it was
stopped.
"""

from tfwave import cli
from tfwave.papers.waveglow.tables import TABLE1

cli.define_table_flags(TABLE1)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE1)


if __name__ == "__main__":
    cli.run(main)
