"""Numbers that WaveNet's paper (arXiv:1609.03499) gives in running text, beside reproduced ones.

Receptive fields and frame lengths are properties of the models as tfwave builds them, hours and
speakers are counted in the user's copies of the corpora, and gaps between opinion scores follow
from the ratings of Table 1 where there are any.
"""

import os

import keras

from tfwave.data.corpus import Corpus, open_corpus
from tfwave.data.layouts.recognize import SPEECH
from tfwave.errors import UserError
from tfwave.models.wavenet.recognizer import WaveNetRecognizerConfig
from tfwave.papers.wavenet.presets import Preset
from tfwave.papers.wavenet.tables import CORPORA, ROWS
from tfwave.repro import published, ratings
from tfwave.repro.experiment import Experiment, Measured
from tfwave.repro.report.report import ReportHeader
from tfwave.repro.results import Results
from tfwave.repro.rows import Row

_LANGUAGES = {"english": "mos_north_american_english", "mandarin": "mos_mandarin_chinese"}


class TextExperiment(Experiment):
    """An experiment whose rows are single numbers.

    `options.extra` has a folder, or "", for each name of CORPORA, and "table1_dir": a result folder
    of Table 1 whose ratings.json is read.
    """

    values: dict[str, float] = {}

    def prepare(self) -> dict:
        options, table1 = self.options, self.options.extra.get("table1_dir", "")
        if table1 and not os.path.isdir(table1):
            raise UserError(f"--table1_dir: {table1} is no folder")
        self.values = model_values(self.preset)
        for flag in CORPORA:
            if options.extra.get(flag):
                folder, cache = options.extra[flag], options.cache_dir
                corpus = open_corpus(folder, cache, strict=options.strict, layouts=SPEECH)
                self.values |= corpus_values(flag, corpus)
        if table1:
            columns = published.load_paper("wavenet").tables["table1"].columns
            rated = ratings.read_ratings(table1, [row.key for row in ROWS], columns)
            self.values |= rating_values(rated)
        return {}

    def status(self) -> dict:
        status = {key: f"needs --{flag}" for flag, (key, _) in CORPORA.items()}
        status["vctk_speakers"] = "needs --vctk_dir"
        for row in self.table.rows:
            if "gap" in row.key:
                status[row.key] = "needs ratings of Table 1"
            status.setdefault(row.key, "needs listeners")
        return {key: why for key, why in status.items() if key not in self.values}

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        return Measured(scores={"value": {"mean": float(self.values[row.key])}})

    def header(self, results: Results) -> ReportHeader:
        return ReportHeader(self.table.title, notes=self.table.notes)


def model_values(preset: Preset) -> dict[str, float]:
    """Return {row: number} of the models that a preset and the recogniser build."""
    mel, rate = preset.mel(), preset.sample_rate
    return {
        "receptive_field_multi_speaker_vctk_model_ms": 1000
        * preset.model(speakers=109).receptive_field
        / rate,
        "receptive_field_tts_models_ms": 1000 * preset.model(speakers=1).receptive_field / rate,
        "external_log_f0_model_rate_hz": mel.sample_rate / mel.hop_length,
        "linguistic_feature_shift_ms": 1000 * mel.hop_length / mel.sample_rate,
        "timit_pooling_factor": WaveNetRecognizerConfig().frame_length,
    }


def corpus_values(flag: str, corpus: Corpus) -> dict[str, float]:
    """Return {row: number}: the hours, and for VCTK the speakers, of a corpus that the user has."""
    stores = [split.store for split in corpus.splits.values()]
    seconds = sum(float(store.lengths.sum()) / store.sample_rate for store in stores)
    values = {CORPORA[flag][0]: seconds / 3600}
    if flag == "vctk_dir":
        values["vctk_speakers"] = len(corpus.speakers)
    return values


def rating_values(rated: dict) -> dict[str, float]:
    """Return {row: number}: the gaps between opinion scores.

    Args:
      rated: {row of Table 1: {column: {"mean": ..., "n": ...}}}, see `ratings.read_ratings`; the
        paper's own table gives the paper's numbers.
    """
    values = {}
    for language, column in _LANGUAGES.items():
        scores = {key: cells[column]["mean"] for key, cells in rated.items() if column in cells}
        older = [scores[key] for key in ("lstm", "concat") if key in scores]
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
