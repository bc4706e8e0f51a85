"""Tables 2 to 5 of MelGAN (arXiv:1910.06711), whose scores are listeners'.

Preset "paper" has the authors' sizes: 400,000 iterations for the ablation (section 3.1) and
2.5 million for the other tables, batches of 16 segments of 8192 samples.
"""

import dataclasses

from tfwave.models.melgan import MelGANConfig
from tfwave.papers.rows import make_row
from tfwave.papers.vocoder_tables import VocoderPreset, vocoder_table

_RECORDING = make_row("original", "Original", about="The recordings.")
_GRIFFIN_LIM = make_row(
    "griffin_lim", "Griffin-Lim", "", "32 rounds of the fast variant; the paper names no settings.",
    iterations=32,
)  # fmt: skip
_MELGAN = make_row("melgan", "MelGAN", "melgan", "As published.")

ABLATION = (
    make_row("spectral_norm", "with spectral normalisation", "melgan",
             "Spectral in place of weight normalisation in the generator.",
             normalization="spectral"),
    make_row("sample_l1", "with L1 loss on audio samples", "melgan",
             "Mean difference of samples added to the loss, with weight 1 (not stated).",
             sample_l1=1.0),
    make_row("no_windows", "without window-based discriminator", "melgan",
             "Each discriminator's scores are averaged over the clip before the loss.",
             window_based=False),
    make_row("no_dilation", "without dilated convolutions", "melgan",
             "All residual blocks have dilation 1.", dilated=False),
    make_row("one_scale", "without multi-scale discriminator", "melgan",
             "Only the discriminator of the raw waveform.", discriminators=1),
    make_row("no_norm", "without weight normalisation", "melgan",
             "Neither weight nor spectral normalisation in the generator.", normalization="none"),
    make_row("melgan", "baseline MelGAN", "melgan", "As published."),
)  # fmt: skip
# Rows of the other side of copy-synthesis, below the paper's: not in Table 2.
_SIDE = (
    make_row("griffin_lim_0", "Griffin-Lim, 0 iterations", "",
             "Random phases; not in the paper's table.", iterations=0),
    _RECORDING,
)  # fmt: skip

_PAPER = VocoderPreset(
    name="paper", configs=(("melgan", MelGANConfig()),), steps=400_000, batch_size=16,
    log_every=100, score_every=5_000, checkpoint_every=2_000, media_every=5_000, score_batches=64,
    sentences=(("train", 4_000), ("valid", 100), ("test", 100)), measured=100, clip_seconds=10.0,
)  # fmt: skip
_QUICK_MODEL = MelGANConfig(
    channels=8, discriminator_channels=8, discriminator_max_channels=64, learning_rate=1e-3,
)  # fmt: skip
_SMOKE_MODEL = dataclasses.replace(
    _QUICK_MODEL, channels=2, discriminator_channels=4, discriminator_layers=2,
    discriminator_max_channels=16, segment_len=2048,
)  # fmt: skip
PRESETS = {
    "paper": _PAPER,
    "quick": dataclasses.replace(
        _PAPER, name="quick", configs=(("melgan", _QUICK_MODEL),), steps=400, batch_size=8,
        log_every=10, score_every=100, checkpoint_every=100, media_every=400, score_batches=8,
        sentences=(("train", 200), ("valid", 20), ("test", 20)), measured=8, clip_seconds=3.0,
    ),
    "smoke": dataclasses.replace(
        _PAPER, name="smoke", configs=(("melgan", _SMOKE_MODEL),), steps=4, batch_size=2,
        log_every=1, score_every=2, checkpoint_every=2, media_every=4, score_batches=2,
        sentences=(("train", 8), ("valid", 2), ("test", 2)), measured=2, clip_seconds=0.5, clips=2,
    ),
}  # fmt: skip


def _warning(preset):
    if preset["name"] == "paper":
        return ()
    model, published = dict(preset["configs"])["melgan"], _PAPER
    return (
        f"The {preset['name']} preset trains MelGANs of {model['channels']} channels for "
        f"{preset['steps']:,} steps of {preset['batch_size']} segments (published: 32 channels, "
        f"{published.steps:,} steps of {published.batch_size}).",
    )


TABLE2 = vocoder_table(
    "melgan_table2", "melgan", "table2", "Table 2 of \u201cMelGAN\u201d (ablation)",
    (*ABLATION, *_SIDE), PRESETS, _warning,
    ("How the paper built its variants is not stated; under each name stands what was done here.",),
)  # fmt: skip
