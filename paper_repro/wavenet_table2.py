"""Rebuild what can be made of Table 2 of WaveNet (arXiv:1609.03499): its two WaveNets, as a pair.

    python paper_repro/wavenet_table2.py
    python paper_repro/wavenet_table2.py --data_dir=LJSpeech-1.1 --preset=paper

Trains a WaveNet conditioned on the phonetic content and one conditioned on the pitch as well,
measures the likelihood of held-out speech under both, and writes OUT_DIR/table.html, table.md,
results.json and clips in pairs. Listeners' preferences are read from OUT_DIR/ratings.json. The same
command resumes where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavenet.tables import TABLE2

cli.define_table_flags(TABLE2)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE2)


if __name__ == "__main__":
    cli.run(main)
