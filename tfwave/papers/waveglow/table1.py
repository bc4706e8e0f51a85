"""Table 1 of WaveGlow (arXiv:1811.00002): a listening test of three vocoders."""

from tfwave.papers.vocoders.presets import presets_of
from tfwave.papers.vocoders.tables import WORLD, vocoder_table
from tfwave.repro.rows import make_row

TABLE = vocoder_table(
    "waveglow_table1",
    "waveglow",
    "table1",
    "Table 1 of \u201cWaveGlow\u201d",
    (
        make_row("griffin_lim", "Griffin-Lim", "", "60 rounds (section 3.5).", iterations=60),
        make_row("wavenet", "WaveNet", "wavenet", "24 layers, ten logistics where published."),
        make_row(
            "waveglow",
            "WaveGlow",
            "waveglow",
            "The code's couplings of 256 channels where published, noise of 0.6 of its scale.",
        ),
        WORLD,
        make_row("original", "Ground truth", about="The recordings."),
    ),
    presets_of("waveglow", "wavenet"),
    (
        "In the paper Griffin-Lim was given the magnitudes of the whole spectrum; here it is given "
        "the mel spectrogram, like the others.",
    ),
)
