"""Rebuild what can be made of Table 3 of WaveRNN (arXiv:1802.08435): likelihood and clips.

    python paper_repro/wavernn_table3.py
    python paper_repro/wavernn_table3.py --data_dir=LJSpeech-1.1 --preset=paper

Trains dense, sparse and subscale WaveRNNs and a WaveNet, measures the likelihood of held-out
speech, and writes OUT_DIR/table.html, table.md, results.json, figures and clips of every row. Mean
opinion scores need listeners: put their ratings into OUT_DIR/ratings.json. The same command resumes
where it was stopped.
"""

from tfwave import cli
from tfwave.papers.wavernn.tables import TABLE3

cli.define_table_flags(TABLE3)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE3)


if __name__ == "__main__":
    cli.run(main)
