"""Measure the speeds in the text of WaveGlow (arXiv:1811.00002 section 3.5).

    python paper_repro/waveglow_speed.py

Builds the published models, runs them on the CPU, and writes OUT_DIR/table.md and results.json,
with the published speeds of a GPU. Nothing else should run on the machine. The same command goes on
where it was stopped.
"""

from tfwave import cli

cli.define_speed_flags("waveglow_speed", threads=2)


def main(argv):
    """Measure and print the table."""
    cli.measure(argv, "vocoders.speeds", "WAVEGLOW_TEXT")


if __name__ == "__main__":
    cli.run(main)
