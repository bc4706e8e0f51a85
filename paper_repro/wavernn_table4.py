"""Measure Table 4 of WaveRNN (arXiv:1802.08435): dense and sparse matrix-vector products.

    python paper_repro/wavernn_table4.py

Times the products that generation is made of on this CPU and writes OUT_DIR/table.md and
results.json, with the published numbers of two phones. Nothing else should run on the machine. The
same command resumes where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavernn.tables import TABLE4

cli.define_table_flags(TABLE4)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE4)


if __name__ == "__main__":
    cli.run(main)
