"""Rebuild the phone error rate of WaveNet (arXiv:1609.03499 section 3.4).

    python paper_repro/wavenet_timit.py
    python paper_repro/wavenet_timit.py --data_dir=TIMIT --preset=paper

Trains the recogniser on raw audio with its two losses and writes OUT_DIR/table.html, table.md,
results.json and figures. The same command goes on where it was stopped.
"""

from tfwave import cli

cli.define_table_flags("wavenet_timit", "wavenet_two_losses", "TIMIT, with its .PHN files")


def main(argv):
    """Rebuild the number; returns the exit code."""

    def load():
        from tfwave.papers.wavenet_timit import TABLE

        return TABLE

    return cli.rebuild(argv, load)


if __name__ == "__main__":
    cli.run(main)
