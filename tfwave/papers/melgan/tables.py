"""Tables 1 to 4 of MelGAN (arXiv:1910.06711): sizes and speeds, and listening scores.

The ablation was trained for 400,000 iterations (section 3.1), the other MelGANs to convergence.
"""

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

_RECORDING = make_row("original", "Original", about="The recordings.")
_GRIFFIN_LIM = make_row(
    "griffin_lim",
    "Griffin-Lim",
    "",
    "32 rounds of the fast variant; the paper names no settings.",
    iterations=32,
)
_RANDOM_PHASES = make_row(
    "griffin_lim_0",
    "Griffin-Lim, 0 iterations",
    "",
    "Random phases; not in the paper's table.",
    iterations=0,
)
_MELGAN = make_row("melgan", "MelGAN", "melgan", "As published.")
_ABLATION = (
    make_row(
        "spectral_norm",
        "with spectral normalisation",
        "melgan",
        "Spectral in place of weight normalisation in the generator.",
        normalization="spectral",
    ),
    make_row(
        "sample_l1",
        "with L1 loss on audio samples",
        "melgan",
        "Mean difference of samples added to the loss, with weight 1 (not stated).",
        sample_l1=1.0,
    ),
    make_row(
        "no_windows",
        "without window-based discriminator",
        "melgan",
        "Each discriminator's scores are averaged over the clip before the loss.",
        window_based=False,
    ),
    make_row(
        "no_dilation",
        "without dilated convolutions",
        "melgan",
        "All residual blocks have dilation 1.",
        dilated=False,
    ),
    make_row(
        "one_scale",
        "without multi-scale discriminator",
        "melgan",
        "Only the discriminator of the raw waveform.",
        discriminators=1,
    ),
    make_row(
        "no_norm",
        "without weight normalisation",
        "melgan",
        "Neither weight nor spectral normalisation in the generator.",
        normalization="none",
    ),
    make_row("melgan", "baseline MelGAN", "melgan", "As published."),
)

TABLE1 = Table(
    key="melgan_table1",
    paper="melgan",
    title="Table 1 of \u201cMelGAN\u201d",
    rows=(
        make_row("wavenet", "WaveNet", "wavenet", "24 layers of r9y9/wavenet_vocoder."),
        make_row("clarinet", "ClariNet"),
        make_row("waveglow", "WaveGlow", "waveglow", "256 channels, as committed by its authors."),
        make_row("melgan", "MelGAN", "melgan", "As published, weight norm folded."),
    ),
    experiment=on_demand(
        "vocoders.speeds", "VocoderSpeed", devices={"CPU:0": "cpu_khz", "GPU:0": "gpu_khz"}
    ),
    columns=("table1",),
    notes=(
        MEDIANS,
        "The column of GPUs is measured where TensorFlow sees one. The paper's "
        "machine: GTX 1080 Ti; one core of an i9-7920X at 2.90 GHz.",
        QUEUES,
    ),
    status={"clarinet": NOT_BUILT},
    threads=1,
    **SPEED,
)
TABLE2 = Table(
    key="melgan_table2",
    paper="melgan",
    title="Table 2 of \u201cMelGAN\u201d (ablation)",
    rows=(*_ABLATION, _RANDOM_PHASES, _RECORDING),
    presets=presets_of("melgan", ablation=True),
    listeners=("table2",),
    notes=(
        *NOTES,
        "How the paper built its variants is not stated; under each name stands what was done "
        "here.",
    ),
    **COMPARISON,
)
TABLE3 = Table(
    key="melgan_table3",
    paper="melgan",
    title="Table 3 of \u201cMelGAN\u201d",
    rows=(
        _GRIFFIN_LIM,
        make_row("waveglow", "WaveGlow", "waveglow", "256 channels where published."),
        make_row("wavenet", "WaveNet", "wavenet", "24 layers, ten logistics where published."),
        _MELGAN,
        _RANDOM_PHASES,
        WORLD,
        _RECORDING,
    ),
    presets=presets_of("melgan", "waveglow", "wavenet"),
    listeners=("table3",),
    notes=NOTES,
    **COMPARISON,
)
TABLE4 = Table(
    key="melgan_table4",
    paper="melgan",
    title="Table 4 of \u201cMelGAN\u201d (unseen speakers)",
    rows=(_GRIFFIN_LIM, _MELGAN, _RANDOM_PHASES, WORLD, _RECORDING),
    presets=presets_of("melgan", speakers=6),
    listeners=("table4",),
    notes=(
        *NOTES,
        "The paper trained on six speakers of its own and tested on VCTK; here a corpus of three "
        "speakers or more is divided by speakers, so that none of the test's is heard in training.",
    ),
    unseen_speakers=True,
    **COMPARISON,
)
