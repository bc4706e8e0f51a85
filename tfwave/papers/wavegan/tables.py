"""Table 1 of "Adversarial Audio Synthesis" (arXiv:1802.04208).

Rows are in the paper's order. Every trained row is the paper's base configuration with the few
fields that it changes, so that a row can be read as its ablation.
"""

from tfwave.repro.rows import make_row
from tfwave.repro.table import Table, on_demand

_SHUFFLE = "Phase shuffle in the critic, by up to {} samples."
_UPSAMPLE = "{} upsampling and a convolution in place of the transposed convolutions."

ROWS = (
    make_row("real_train", "Real (train)", about="Recordings the models are trained on."),
    make_row(
        "real_test", "Real (test)", about="Held-out recordings; the ratios are relative to them."
    ),
    make_row("parametric", "Parametric", about="Digits spoken by a formant synthesiser."),
    make_row("wavegan", "WaveGAN", "wavegan", "WGAN-GP, no phase shuffle.", phase_shuffle=0),
    make_row(
        "wavegan_ps2", "WaveGAN + phase shuffle n=2", "wavegan", _SHUFFLE.format(2), phase_shuffle=2
    ),
    make_row(
        "wavegan_ps4", "WaveGAN + phase shuffle n=4", "wavegan", _SHUFFLE.format(4), phase_shuffle=4
    ),
    make_row(
        "wavegan_nn",
        "WaveGAN + nearest neighbor",
        "wavegan",
        _UPSAMPLE.format("Nearest-neighbour"),
        phase_shuffle=0,
        upsample="nearest",
    ),
    make_row(
        "wavegan_linear",
        "WaveGAN + linear interpolation",
        "wavegan",
        _UPSAMPLE.format("Linear"),
        phase_shuffle=0,
        upsample="linear",
    ),
    make_row(
        "wavegan_cubic",
        "WaveGAN + cubic interpolation",
        "wavegan",
        _UPSAMPLE.format("Cubic"),
        phase_shuffle=0,
        upsample="cubic",
    ),
    make_row(
        "wavegan_pp",
        "WaveGAN + post-processing",
        "wavegan",
        "A learnt filter of 512 taps after the generator.",
        phase_shuffle=0,
        post_filter_len=512,
    ),
    make_row(
        "wavegan_bn",
        "WaveGAN + DCGAN/BN",
        "wavegan",
        "DCGAN's loss and batch normalisation in place of WGAN-GP.",
        phase_shuffle=0,
        loss="dcgan",
        batch_norm=True,
    ),
    make_row(
        "wavegan_dropout",
        "WaveGAN + dropout",
        "wavegan",
        "Dropout of 50 % in the critic, with masks that are constant over time.",
        phase_shuffle=0,
        dropout=0.5,
    ),
    make_row(
        "specgan",
        "SpecGAN",
        "specgan",
        "A GAN on spectrograms, inverted by Griffin-Lim.",
        phase_shuffle=0,
    ),
    make_row(
        "specgan_ps1",
        "SpecGAN + phase shuffle n=1",
        "specgan",
        "SpecGAN with phase shuffle on the time axis.",
        phase_shuffle=1,
    ),
)

NOTES = (
    "Inception score: exp of the mean divergence between a clip's class probabilities and their "
    "average, mean \u00b1 population standard deviation over equal splits, from the checkpoint "
    "with the best score on a fixed set of other latents. Recordings are scored in the authors' "
    "order; clips beyond a multiple of the number of splits are left out.",
    "|D|self and |D|train: mean distance to the nearest neighbour in log-mel space, inside the "
    "set and in the whole training set, divided by the value of Real (test). Far below 1 in "
    "|D|self means collapse; 0 in |D|train means copies of the training set.",
    "Noise: magnitude spectrum weighted by the spectrum that upsampling artifacts have in randomly "
    "initialised generators (first version of the paper, section 3.3), divided by the value of "
    "Real (test).",
    "Generated clips are written as 16-bit audio before they are scored, as in the authors' code; "
    "absolute values of all ratios stand in results.json.",
)

TABLE1 = Table(
    key="wavegan_table1",
    protocol=1,
    paper="wavegan",
    title="Table 1 of \u201cAdversarial Audio Synthesis\u201d",
    rows=ROWS,
    presets=on_demand("wavegan.presets", "PRESETS"),
    experiment=on_demand("wavegan.experiment", "WaveGANExperiment"),
    columns=("table1",),
    listeners=("human_accuracy", "figure7"),
    notes=NOTES,
    counts="the clips behind the inception score, and behind the other three columns",
    reference="real_test",
    data="SC09, an unpacked Speech Commands release, or any folder of audio",
    precisions=("float32", "mixed_bfloat16"),
    agreeing=("classifier",),
)
