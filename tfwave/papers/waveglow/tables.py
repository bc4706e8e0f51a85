"""Table 1 of WaveGlow (arXiv:1811.00002), a listening test, and the speeds in its text."""

from tfwave.papers.vocoders.tables import (
    COMPARISON,
    MEDIANS,
    NOT_BUILT,
    NOTES,
    QUEUES,
    SPEED,
    WORLD,
    presets_of,
)
from tfwave.repro.rows import make_row
from tfwave.repro.table import Table, on_demand

TABLE1 = Table(
    key="waveglow_table1",
    paper="waveglow",
    title="Table 1 of \u201cWaveGlow\u201d",
    rows=(
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
    presets=presets_of("waveglow", "wavenet"),
    listeners=("table1",),
    notes=(
        *NOTES,
        "In the paper Griffin-Lim was given the magnitudes of the whole spectrum; here it is given "
        "the mel spectrogram, like the others.",
    ),
    **COMPARISON,
)
SPEEDS = Table(
    key="waveglow_speed",
    paper="waveglow",
    title="Speeds in the text of \u201cWaveGlow\u201d",
    rows=(
        make_row(
            "griffin_lim",
            "Griffin-Lim, 60 iterations",
            "griffin_lim",
            "The fast variant, from a mel spectrogram.",
        ),
        make_row("wavenet", "WaveNet", "wavenet", "24 layers of r9y9/wavenet_vocoder."),
        make_row(
            "waveglow", "WaveGlow", "waveglow", "512 channels, as in the paper.", channels=512
        ),
        make_row(
            "waveglow_256",
            "WaveGlow, 256 channels",
            "waveglow",
            "As later committed; not in the paper.",
        ),
        make_row("waveglow_bound", "WaveGlow, estimated bound on a GV100"),
        make_row("parallel_wavenet", "Parallel WaveNet, as cited"),
        make_row("wavernn_subscale", "WaveRNN fused subscale, as cited"),
        make_row("mcnn", "MCNN, as cited"),
    ),
    experiment=on_demand("vocoders.speeds", "VocoderSpeed", devices={"CPU:0": "khz"}),
    columns=("speed",),
    notes=(MEDIANS, "The paper's speeds are of a V100 GPU; these are of this CPU.", QUEUES),
    status={
        "waveglow_bound": "an estimate of the paper",
        "parallel_wavenet": NOT_BUILT,
        "wavernn_subscale": "see wavernn_text.py",
        "mcnn": NOT_BUILT,
    },
    threads=2,
    **SPEED,
)
