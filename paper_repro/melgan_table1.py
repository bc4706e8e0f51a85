"""Measure Table 1 of MelGAN (arXiv:1910.06711): parameters and speed of vocoders.

    python paper_repro/melgan_table1.py
    python paper_repro/melgan_table1.py --threads=2

Builds the published models, runs them on one thread of the CPU (as the paper did) and on a GPU
where there is one, and writes OUT_DIR/table.md and results.json. Nothing else should run on the
machine. The same command resumes where it was stopped.
"""

from tfwave import cli
from tfwave.papers.melgan.tables import TABLE1

cli.define_table_flags(TABLE1)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE1)


if __name__ == "__main__":
    cli.run(main)
