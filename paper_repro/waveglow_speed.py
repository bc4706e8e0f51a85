"""Measure the speeds in the text of WaveGlow (arXiv:1811.00002 section 3.5).

    python paper_repro/waveglow_speed.py

Builds the published models, runs them on the CPU, and writes OUT_DIR/table.md and results.json,
with the published speeds of a GPU. Nothing else should run on the machine. The same command resumes
where it was stopped.
"""

from tfwave import cli
from tfwave.papers.waveglow.tables import SPEEDS

cli.define_table_flags(SPEEDS)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, SPEEDS)


if __name__ == "__main__":
    cli.run(main)
