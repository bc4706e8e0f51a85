"""Measure the generation cost of WaveNet, naive and with queues (arXiv:1611.09482).

    python paper_repro/fast_wavenet_figure.py

Writes OUT_DIR/figure.png, figure.pdf, table.md and results.json. The same command resumes where it
was stopped. Nothing else should run on the machine.
"""

from tfwave import cli
from tfwave.papers.fast_wavenet.tables import FIGURE

cli.define_table_flags(FIGURE)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, FIGURE)


if __name__ == "__main__":
    cli.run(main)
