"""The rows and presets of Table 1 of "Adversarial Audio Synthesis" (arXiv:1802.04208).

Rows are in the paper's order. Every trained row is the paper's base configuration with the few
fields that it changes, so that a row can be read as its ablation.
"""

import dataclasses

from tfwave.repro import rows
from tfwave.repro.rows import make_row as _row

_SHUFFLE = "Phase shuffle in the critic, by up to {} samples."
_UPSAMPLE = "{} upsampling and a convolution in place of the transposed convolutions."

ROWS = (
    _row("real_train", "Real (train)", about="Recordings the models are trained on."),
    _row("real_test", "Real (test)", about="Held-out recordings; the ratios are relative to them."),
    _row("parametric", "Parametric", about="Digits spoken by a formant synthesiser."),
    _row("wavegan", "WaveGAN", "wavegan", "WGAN-GP, no phase shuffle.", phase_shuffle=0),
    _row(
        "wavegan_ps2", "WaveGAN + phase shuffle n=2", "wavegan", _SHUFFLE.format(2), phase_shuffle=2
    ),
    _row(
        "wavegan_ps4", "WaveGAN + phase shuffle n=4", "wavegan", _SHUFFLE.format(4), phase_shuffle=4
    ),
    _row(
        "wavegan_nn",
        "WaveGAN + nearest neighbor",
        "wavegan",
        _UPSAMPLE.format("Nearest-neighbour"),
        phase_shuffle=0,
        upsample="nearest",
    ),
    _row(
        "wavegan_linear",
        "WaveGAN + linear interpolation",
        "wavegan",
        _UPSAMPLE.format("Linear"),
        phase_shuffle=0,
        upsample="linear",
    ),
    _row(
        "wavegan_cubic",
        "WaveGAN + cubic interpolation",
        "wavegan",
        _UPSAMPLE.format("Cubic"),
        phase_shuffle=0,
        upsample="cubic",
    ),
    _row(
        "wavegan_pp",
        "WaveGAN + post-processing",
        "wavegan",
        "A learnt filter of 512 taps after the generator.",
        phase_shuffle=0,
        post_filter_len=512,
    ),
    _row(
        "wavegan_bn",
        "WaveGAN + DCGAN/BN",
        "wavegan",
        "DCGAN's loss and batch normalisation in place of WGAN-GP.",
        phase_shuffle=0,
        loss="dcgan",
        batch_norm=True,
    ),
    _row(
        "wavegan_dropout",
        "WaveGAN + dropout",
        "wavegan",
        "Dropout of 50 % in the critic, with masks that are constant over time.",
        phase_shuffle=0,
        dropout=0.5,
    ),
    _row(
        "specgan",
        "SpecGAN",
        "specgan",
        "A GAN on spectrograms, inverted by Griffin-Lim.",
        phase_shuffle=0,
    ),
    _row(
        "specgan_ps1",
        "SpecGAN + phase shuffle n=1",
        "specgan",
        "SpecGAN with phase shuffle on the time axis.",
        phase_shuffle=1,
    ),
)

# Always computed: every score is relative to the real test set.
REFERENCE_ROWS = ("real_train", "real_test")


def select_rows(names):
    """Return the rows called `names`, in the paper's order, with the reference rows first.

    Raises:
      ValueError: a name is unknown; the message lists the known ones.
    """
    return rows.select(ROWS, names, REFERENCE_ROWS)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of everything; the defaults are the published configuration.

    Steps are generator iterations, each of which contains `critic_updates` critic updates.
    """

    name: str = "paper"
    model_dim: int = 64  # "d" of the paper
    batch_size: int = 64  # clips
    critic_updates: int = 5  # per generator iteration
    wavegan_steps: int = 200_000
    # The paper gives 1,750 epochs, half of WaveGAN's, in two days instead of four.
    specgan_steps: int = 100_000
    learning_rate_scale: float = 1.0  # times the published rates
    resize_learning_rate_scale: float = 1.0  # the same for rows that upsample by interpolation
    log_every: int = 100  # steps
    media_every: int = 2_000
    checkpoint_every: int = 2_000
    score_every: int = 2_000  # steps between two inception scores that select the best checkpoint
    selection_clips: int = 5_000  # fixed latents scored there
    inception_clips: int = 50_000  # generated clips of the final inception score
    inception_splits: int = 10
    distance_clips: int = 1_000  # clips of |D|self, |D|train and noise
    envelope_networks: int = 1_000  # random initialisations behind the noise measure
    train_clips: int = 18_000  # built-in digits, used without --data_dir only
    valid_clips: int = 2_000
    test_clips: int = 2_000
    parametric_clips: int = 2_000
    classifier: tuple = ()  # fields that differ from the authors' network
    classifier_steps: int = 103_005
    listening_clips: int = 32  # wav files kept per row

    def steps(self, system):
        """Return the generator iterations of a system ("wavegan" or "specgan")."""
        return {"wavegan": self.wavegan_steps, "specgan": self.specgan_steps}[system]

    def rate_scale(self, row):
        """Return the factor on the published learning rates for a trained row."""
        resized = "upsample" in dict(row.changes)
        return self.resize_learning_rate_scale if resized else self.learning_rate_scale


PRESETS = {
    "paper": Preset(),
    "quick": Preset(
        name="quick",
        model_dim=8,
        batch_size=8,
        wavegan_steps=120,
        specgan_steps=120,
        learning_rate_scale=10.0,  # else so few steps would hardly move the weights
        resize_learning_rate_scale=3.0,  # at 10 these generators fall silent
        log_every=2,
        media_every=120,
        checkpoint_every=60,
        score_every=30,
        selection_clips=200,
        inception_clips=1_000,
        distance_clips=200,
        envelope_networks=50,
        train_clips=6_000,
        valid_clips=600,
        test_clips=1_000,
        parametric_clips=1_000,
        # As DigitClassifierConfig.quick: a coarser image, narrower, Adam.
        classifier=(
            ("batch_norm_momentum", 0.9),
            ("filters", 16),
            ("hop_length", 256),
            ("learning_rate", 1e-3),
            ("n_mels", 64),
            ("optimizer", "adam"),
        ),
        classifier_steps=400,
        listening_clips=16,
    ),
    "smoke": Preset(
        name="smoke",
        model_dim=2,
        batch_size=4,
        critic_updates=2,
        wavegan_steps=4,
        specgan_steps=4,
        log_every=1,
        media_every=2,
        checkpoint_every=2,
        score_every=2,
        selection_clips=20,
        inception_clips=40,
        inception_splits=2,
        distance_clips=20,
        envelope_networks=3,
        train_clips=200,
        valid_clips=40,
        test_clips=40,
        parametric_clips=40,
        classifier=(
            ("filters", 4),
            ("hop_length", 512),
            ("learning_rate", 1e-2),
            ("n_mels", 32),
            ("optimizer", "adam"),
        ),
        classifier_steps=10,
        listening_clips=4,
    ),
}

PRESET_HELP = {
    "paper": "the published configuration, days per row on one GPU",
    "quick": "small models and few steps, minutes on two CPU cores, not the paper's numbers",
    "smoke": "seconds, meaningless numbers, shows that everything runs",
}


def select_preset(name):
    """Return a preset by name.

    Raises:
      ValueError: there is no such preset; the message lists the known ones.
    """
    if name not in PRESETS:
        raise ValueError(f"--preset: there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
