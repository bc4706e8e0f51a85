"""Measure Table 2 of WaveRNN (arXiv:1802.08435): the sampling rate of Sparse WaveRNN Mobile.

    python paper_repro/wavernn_table2.py

Runs the model on this CPU, adds up its timed products as the paper did, for blocks of 4x4 and of
16x1, and writes OUT_DIR/table.md and results.json. Nothing else should run on the machine. The same
command resumes where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavernn.tables import TABLE2

cli.define_table_flags(TABLE2)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE2)


if __name__ == "__main__":
    cli.run(main)
