"""Rebuild what can be made of Table 1 of WaveRNN (arXiv:1802.08435): models against WaveRNN 896.

    python paper_repro/wavernn_table1.py
    python paper_repro/wavernn_table1.py --data_dir=LJSpeech-1.1 --preset=paper

Trains the models of every pair, measures the likelihood of held-out speech under both, and writes
OUT_DIR/table.html, table.md, results.json and clips in pairs. Listeners' preferences are read from
OUT_DIR/ratings.json. The same command resumes where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavernn.tables import TABLE1

cli.define_table_flags(TABLE1)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE1)


if __name__ == "__main__":
    cli.run(main)
