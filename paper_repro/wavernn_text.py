"""Measure the numbers in the text of WaveRNN (arXiv:1802.08435): sampling speeds and sizes.

    python paper_repro/wavernn_text.py

Runs models of the published sizes on this CPU and writes OUT_DIR/table.md and results.json, with
the published numbers of GPUs. Nothing else should run on the machine. The same command goes on
where it was stopped.
"""

from tfwave import cli

cli.define_speed_flags("wavernn_text", threads=2)


def main(argv):
    """Measure and print the table."""
    cli.measure(argv, "wavernn.speed", "TEXT")


if __name__ == "__main__":
    cli.run(main)
