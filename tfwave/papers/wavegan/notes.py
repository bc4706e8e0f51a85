"""What stands above and below Table 1 in words: preset, corpus, warnings and notes."""

from tfwave.papers.wavegan.rows import PRESETS, ROWS
from tfwave.repro.report.report import Headline

# Training clips of SC09, the paper's corpus (the authors' README).
_SC09_CLIPS = 18_620

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


def headline(results):
    """Write the headline of a result folder.

    Args:
      results: `runner.Results`.

    Returns:
      A `report.Headline`.
    """
    settings = results.settings
    preset, corpus, texts = settings["preset"], settings["corpus"], settings["texts"]
    classifier = _classifier(results)
    synthetic = " (synthetic)" if corpus["synthetic"] else ""
    facts = [
        ("Preset", preset["name"]),
        ("Corpus", f"{texts['corpus_name']}{synthetic}"),
        ("Clips", ", ".join(f"{count:,} {name}" for name, count in corpus["clips"].items())),
        ("Seed", str(settings["seed"])),
        ("Precision", settings["precision"]),
    ]
    if classifier:
        facts.append(("Classifier", _classifier_words(classifier)))
    return Headline(
        title="Table 1 of \u201cAdversarial Audio Synthesis\u201d: "
        f"{preset['name']} preset, {texts['corpus_name']}{synthetic}",
        facts=tuple(facts),
        warnings=_warnings(preset, corpus, texts["corpus"], classifier),
        notes=(*NOTES, *_own_notes(settings)),
        counts=" (inception score, other columns)",
        about_scores="Under each name: the clips behind the inception score, and behind the other "
        "three columns.",
        about_clips="Beside each, what the classifier hears in it. Spectrograms show one second, "
        "0 to 8 kHz, 80 dB. Above a generated clip stands a real one of the digit that was heard.",
    )


def _classifier(results):
    """Return the classifier of the first finished row, None without one."""
    for row in ROWS:
        result = results.load(row.slug)
        if result:
            return result["classifier"]
    return None


def _classifier_words(classifier):
    accuracy = classifier["accuracy"]
    right = "" if accuracy is None else f", {100 * accuracy:.1f} % of test digits right"
    return f"{classifier['origin']}{right}"


def _warnings(preset, corpus, description, classifier):
    """Say plainly in what these numbers differ from the paper's."""
    paper = PRESETS["paper"]
    reasons = []
    if preset["name"] != "paper":
        reasons.append(
            f"The {preset['name']} preset trains models of size d = {preset['model_dim']} for "
            f"{preset['wavegan_steps']:,} iterations of {preset['batch_size']} clips"
            f"{_rate(preset)} (paper: d = {paper.model_dim}, {paper.wavegan_steps:,} iterations of "
            f"{paper.batch_size} clips) and scores {preset['inception_clips']:,} clips (paper: "
            f"{paper.inception_clips:,})."
        )
    sc09 = not corpus["synthetic"] and corpus["clips"]["train"] == _SC09_CLIPS
    if not sc09:
        reasons.append(f"The corpus is not the paper's SC09; it is {description}.")
    if classifier and classifier["origin"] != "released by the authors":
        reasons.append(
            "The inception score comes from another classifier than the paper's, so it is on a "
            "scale of its own: read it against the rows Real (train) and Real (test)."
        )
    lead = ("These are not the paper's numbers and cannot be compared with them.",)
    if preset["name"] == "paper" and sc09:
        lead = ()
    return (*lead, *reasons)


def _rate(preset):
    scale, resized = preset["learning_rate_scale"], preset["resize_learning_rate_scale"]
    if scale == resized == 1:
        return ""
    other = "" if scale == resized else f" ({resized:g} where it upsamples by interpolation)"
    return f" at {scale:g} times the paper's learning rate{other}"


def _own_notes(settings):
    """Return the notes that depend on the configuration."""
    notes = [
        f"{settings['preset']['distance_clips']:,} clips per row for |D| and noise (fewer where a "
        "set of recordings is smaller).",
        "SpecGAN's audio: 16 rounds of Griffin-Lim, "
        + (
            "in the authors' form (window applied without normalisation)."
            if settings["griffin_lim"] == "authors"
            else "with the correct synthesis window."
        ),
    ]
    if not settings.get("parametric_given"):
        notes.append(
            "Parametric: the paper scores a public set of text-to-speech digits; here they are "
            "spoken by eSpeak NG's formant voices, unless --parametric_dir gives recordings."
        )
    return notes
