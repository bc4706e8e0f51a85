"""Measure the numbers in the text of WaveRNN (arXiv:1802.08435): sampling speeds and sizes.

    python paper_repro/wavernn_text.py

Runs models of the published sizes on this CPU and writes OUT_DIR/table.md and results.json, with
the published numbers of GPUs. Nothing else should run on the machine. The same command resumes
where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavernn.tables import TEXT

cli.define_table_flags(TEXT)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TEXT)


if __name__ == "__main__":
    cli.run(main)
