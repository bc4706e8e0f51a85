"""The text around Table 1 that depends on preset, corpus and classifier."""

import dataclasses

from tfwave.repro.report.report import ReportHeader

# Training clips of SC09, the paper's corpus (the authors' README).
_SC09_CLIPS = 18_620


def complete(
    header: ReportHeader, settings: dict, about_preset: tuple[str, ...], classifier: dict | None
) -> ReportHeader:
    """Return a header with the sentences and facts specific to this table.

    Args:
      header: of a table of trained models.
      settings: of the result folder.
      about_preset: how the preset differs from the published sizes.
      classifier: entry on the classifier in a finished row; None without one.
    """
    corpus, facts, warnings = settings["corpus"], header.facts, list(about_preset)
    if corpus["synthetic"] or corpus["clips"]["train"] != _SC09_CLIPS:
        description = settings["texts"]["corpus"]
        warnings.append(f"The corpus is not the paper's SC09; it is {description}.")
    if warnings:
        lead = "These are not the paper's numbers and cannot be compared with them."
        warnings.insert(0, lead)
    if classifier:
        accuracy = classifier["accuracy"]
        right = "" if accuracy is None else f", {100 * accuracy:.1f} % of test digits right"
        facts = (*facts, ("Classifier", f"{classifier['origin']}{right}"))
        if classifier["origin"] != "released by the authors":
            warnings.append(
                "The inception score comes from another classifier than the paper's, so it is on a "
                "scale of its own: read it against the rows Real (train) and Real (test)."
            )
    return dataclasses.replace(
        header,
        facts=facts,
        warnings=tuple(warnings),
        notes=(*header.notes, *_own_notes(settings)),
        reference_label="Real (test)",
        counts=" (inception score, other columns)",
        about_clips="Beside each, what the classifier hears in it. Spectrograms show one second, "
        "0 to 8 kHz, 80 dB. Above a generated clip stands a real one of the digit that was heard.",
    )


def _own_notes(settings):
    """Return the notes that depend on the configuration."""
    form = (
        "in the authors' form (window applied without normalisation)."
        if settings["griffin_lim"] == "authors"
        else "with the correct synthesis window."
    )
    return (
        f"{settings['preset']['distance_clips']:,} clips per row for |D| and noise (fewer where a "
        "set of recordings is smaller).",
        f"SpecGAN's audio: 16 rounds of Griffin-Lim, {form}",
        "Parametric: the paper scores a public set of text-to-speech digits; here they are "
        "spoken by eSpeak NG's formant voices, unless --parametric_dir gives recordings.",
    )
