"""Rebuild the phone error rate of WaveNet (arXiv:1609.03499 section 3.4).

    python paper_repro/wavenet_timit.py
    python paper_repro/wavenet_timit.py --data_dir=TIMIT --preset=paper
    python paper_repro/wavenet_timit.py --data_dir=LJSpeech-1.1

Trains the recogniser on raw audio with its two losses and writes OUT_DIR/table.html, table.md,
results.json and figures. Recordings with transcripts alone (LJSpeech) are labelled by aligning
eSpeak NG's reading of each transcript to them, and scored against that reading. The same command
resumes where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavenet.tables import TIMIT

cli.define_table_flags(TIMIT)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TIMIT)


if __name__ == "__main__":
    cli.run(main)
