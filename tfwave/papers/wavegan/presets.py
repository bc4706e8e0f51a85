"""The presets of Table 1 of "Adversarial Audio Synthesis" (arXiv:1802.04208)."""

import dataclasses

from tfwave.repro.rows import Row


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of models, training and evaluation; the defaults are the published configuration.

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

    def steps(self, system: str) -> int:
        """Return the generator iterations of a system ("wavegan" or "specgan")."""
        return {"wavegan": self.wavegan_steps, "specgan": self.specgan_steps}[system]

    def rate_scale(self, row: Row) -> float:
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
        resize_learning_rate_scale=3.0,  # at 10 these generators collapse to silence
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
