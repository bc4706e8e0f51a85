"""Numbers that WaveNet's paper (arXiv:1609.03499) gives in running text, beside those made here.

Receptive fields and frame lengths are properties of the models as tfwave builds them, hours and
speakers are counted in the user's copies of the corpora, and gaps between opinion scores follow
from the ratings of Table 1 where there are any.
"""

from tfwave import files
from tfwave.models.wavenet.recognizer import WaveNetRecognizerConfig
from tfwave.papers.wavenet.rows import PRESETS
from tfwave.papers.wavenet.rows import ROWS as TABLE1
from tfwave.repro import published, ratings
from tfwave.repro import results as runner
from tfwave.repro.report import report
from tfwave.repro.rows import make_row

# Rows that count hours: the corpora of the paper, by the name of their flag.
CORPORA = {
    "vctk": "vctk_hours_used",
    "english": "english_tts_hours",
    "mandarin": "mandarin_tts_hours",
    "magnatagatune": "magnatagatune_hours",
    "piano": "youtube_piano_hours",
}
_LISTENERS = "needs ratings of Table 1"
_LANGUAGES = {"english": "mos_north_american_english", "mandarin": "mos_mandarin_chinese"}


def rows():
    """The rows of the table, one for each number, as the paper's data has them."""
    table = published.load_paper("wavenet").tables["text"]
    return tuple(make_row(slug, slug.replace("_", " ")) for slug in table.values)


def model_values():
    """Numbers of the models that `PRESETS["paper"]` and the recogniser build, {row: value}."""
    preset = PRESETS["paper"]
    mel, field = preset.mel(), preset.model(speakers=109).receptive_field
    return {
        "receptive_field_multi_speaker_vctk_model_ms": 1000 * field / preset.sample_rate,
        "receptive_field_tts_models_ms": 1000
        * preset.model(speakers=1).receptive_field
        / preset.sample_rate,
        "external_log_f0_model_rate_hz": mel.sample_rate / mel.hop_length,
        "linguistic_feature_shift_ms": 1000 * mel.hop_length / mel.sample_rate,
        "timit_pooling_factor": WaveNetRecognizerConfig().frame_length,
    }


def corpus_values(name, corpus):
    """Hours, and for VCTK the speakers, of a corpus that the user has, {row: value}."""
    stores = [split.store for split in corpus.splits.values()]
    seconds = sum(float(store.lengths.sum()) / store.sample_rate for store in stores)
    values = {CORPORA[name]: seconds / 3600}
    if name == "vctk":
        values["vctk_speakers"] = len(corpus.speakers)
    return values


def rating_values(rated):
    """Gaps between opinion scores, {row: value}.

    Args:
      rated: {row of Table 1: {column: {"mean": ..., "n": ...}}}, see `ratings.read_ratings`; the
        paper's own table gives the paper's numbers.
    """
    values = {}
    for language, column in _LANGUAGES.items():
        scores = {slug: cells[column]["mean"] for slug, cells in rated.items() if column in cells}
        older = [scores[slug] for slug in ("lstm", "concat") if slug in scores]
        if "natural_16bit" not in scores:
            continue
        if older:
            before = scores["natural_16bit"] - max(older)
            values[f"mos_gap_to_natural_speech_before_{language}"] = before
        if "wavenet_lf" in scores:
            after = scores["natural_16bit"] - scores["wavenet_lf"]
            values[f"mos_gap_to_natural_speech_after_{language}"] = after
            if older and before:
                values[f"gap_closed_{language}_percent"] = 100 * (before - after) / before
    return values


def reproduce(out_dir, corpora, table1_dir=""):
    """Collect the numbers and write table.md and results.json.

    Args:
      out_dir: result folder.
      corpora: {name of `CORPORA`: `SentenceCorpus`}.
      table1_dir: result folder of Table 1 whose ratings.json is read, "" for none.

    Returns:
      The `report.Report`.

    Raises:
      ValueError: ratings that are no ratings.
      OSError: a file cannot be written.
    """
    values = model_values()
    for name, corpus in corpora.items():
        values.update(corpus_values(name, corpus))
    if table1_dir:
        table = published.load_paper("wavenet").tables["table1"]
        rated = ratings.read_ratings(table1_dir, [row.slug for row in TABLE1], table.columns)
        values.update(rating_values(rated))
    results = runner.open_results(out_dir, {"table": "wavenet_text"})
    for row in rows():
        path = results.row_dir(row.slug) / runner.RESULT
        path.unlink(missing_ok=True)
        if row.slug in values:
            scores = {"value": {"mean": float(values[row.slug])}}
            results.save(row.slug, {}, {"scores": scores, "clips": [], "counts": ""})
    status = {slug: f"needs --{name}_dir" for name, slug in CORPORA.items()}
    status["vctk_speakers"] = "needs --vctk_dir"
    status.update({row.slug: _LISTENERS for row in rows() if "gap" in row.slug})
    status.update({row.slug: "needs listeners" for row in rows() if "rating" in row.slug})
    status["sentences_in_listening_tests"] = "needs listeners"
    headline = report.Headline(
        title="Numbers in the text of \u201cWaveNet\u201d",
        notes=(
            "Receptive fields are those of preset paper, whose layers are ibab/tensorflow-wavenet's"
            "; the paper does not give its own layers.",
            "The features here are mel frames, in place of the paper's linguistic ones at 5 ms and "
            "F0 at 200 Hz.",
        ),
    )
    paper = published.load_paper("wavenet")
    made = report.build(paper, headline, paper.tables["text"], (), rows(), results, {}, status)
    files.write_json(results.path / "results.json", report.as_json(made, results))
    files.atomic_write(results.path / "table.md", report.markdown(made).encode("utf-8"))
    return made
