"""Rebuild what can be made of Table 2 of WaveNet (arXiv:1609.03499): its two WaveNets, as a pair.

    python paper_repro/wavenet_table2.py
    python paper_repro/wavenet_table2.py --data_dir=LJSpeech-1.1 --preset=paper

Trains a WaveNet that knows what is spoken and one that knows the pitch besides, measures the
likelihood of held-out speech under both, and writes OUT_DIR/table.html, table.md, results.json and
clips in pairs. Listeners' preferences are read from OUT_DIR/ratings.json. The same command goes on
where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavenet.tables import TABLE2

cli.define_table_flags(TABLE2)


def main(argv):
    """Rebuild the table; returns the exit code."""
    return cli.rebuild(argv, TABLE2)


if __name__ == "__main__":
    cli.run(main)
