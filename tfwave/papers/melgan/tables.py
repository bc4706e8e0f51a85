"""Tables 2 to 4 of MelGAN (arXiv:1910.06711), whose scores are listeners'.

The ablation was trained for 400,000 iterations (section 3.1), the other MelGANs to convergence.
"""

from tfwave.papers.vocoders.presets import QUICK_ABLATION, presets_of
from tfwave.papers.vocoders.tables import WORLD, vocoder_table
from tfwave.repro.rows import make_row

_RECORDING = make_row("original", "Original", about="The recordings.")
_GRIFFIN_LIM = make_row(
    "griffin_lim",
    "Griffin-Lim",
    "",
    "32 rounds of the fast variant; the paper names no settings.",
    iterations=32,
)
_MELGAN = make_row("melgan", "MelGAN", "melgan", "As published.")

ABLATION = (
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
_RANDOM_PHASES = make_row(
    "griffin_lim_0",
    "Griffin-Lim, 0 iterations",
    "",
    "Random phases; not in the paper's table.",
    iterations=0,
)

_NAME = "\u201cMelGAN\u201d"
_ABLATION_PRESETS = presets_of("melgan", quick=QUICK_ABLATION, steps=400_000)
_COMPARED = presets_of("melgan", "waveglow", "wavenet")
_SIX_SPEAKERS = presets_of("melgan", speakers=6)

TABLE2 = vocoder_table(
    "melgan_table2",
    "melgan",
    "table2",
    f"Table 2 of {_NAME} (ablation)",
    (*ABLATION, _RANDOM_PHASES, _RECORDING),
    _ABLATION_PRESETS,
    ("How the paper built its variants is not stated; under each name stands what was done here.",),
)
TABLE3 = vocoder_table(
    "melgan_table3",
    "melgan",
    "table3",
    f"Table 3 of {_NAME}",
    (
        _GRIFFIN_LIM,
        make_row("waveglow", "WaveGlow", "waveglow", "256 channels where published."),
        make_row("wavenet", "WaveNet", "wavenet", "24 layers, ten logistics where published."),
        _MELGAN,
        _RANDOM_PHASES,
        WORLD,
        _RECORDING,
    ),
    _COMPARED,
)
TABLE4 = vocoder_table(
    "melgan_table4",
    "melgan",
    "table4",
    f"Table 4 of {_NAME} (unseen speakers)",
    (_GRIFFIN_LIM, _MELGAN, _RANDOM_PHASES, WORLD, _RECORDING),
    _SIX_SPEAKERS,
    (
        "The paper trained on six speakers of its own and tested on VCTK; here a corpus of three "
        "speakers or more is divided by speakers, so that none of the test's is heard in training.",
    ),
    unseen_speakers=True,
)
