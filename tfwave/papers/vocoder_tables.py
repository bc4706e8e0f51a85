"""Tables in which listeners compare vocoders: what can be made of them without listeners.

Every vocoder that can be had is trained or called, run on held-out recordings, and measured.
"""

import dataclasses

from tfwave.audio.mel import MELGAN, MelConfig
from tfwave.papers import published, ratings, report, runner, speech_table
from tfwave.papers.vocoder_workbench import Workbench

# Raise this when numbers of the same configuration change: results made before count as others.
PROTOCOL = 1

NOTES = (
    "Copy-synthesis: the mel spectrogram of a held-out recording goes in, a waveform comes out and "
    "is compared with the recording. Means over recordings, \u00b1 standard error. These measures "
    "are ours; none replaces a listening test.",
    "LSD, log-spectral distance, punishes noise between harmonics most; MCD, mel-cepstral "
    "distortion, a wrong spectral envelope. F0 error: root mean square over frames that are voiced "
    "in both, octave errors of the tracker included; Voicing: frames that are voiced in one only. "
    "PESQ and STOI are computed at 16 kHz. Dashes: the package is not installed (pip install "
    "\"tfwave[vocoder]\").",
    "Griffin-Lim starts from random phases; it is the fast variant (momentum 0.99) on magnitudes "
    "that fit the same mel spectrogram the other vocoders are given.",
)


@dataclasses.dataclass(frozen=True)
class VocoderPreset:
    """Sizes of everything.

    Attributes:
      name: of the preset.
      configs: (system, model configuration) of every model.
      mel: front end of Griffin-Lim, and the sample rate of everything.
      sentences: sizes of the splits without --data_dir.
      speakers: voices of those sentences.
      clips: to listen to, of each row.
      clip_seconds: most that is heard of a recording.
      measured: recordings that the measures are means over.
    """

    name: str
    configs: tuple
    steps: int
    batch_size: int
    log_every: int
    score_every: int
    checkpoint_every: int
    media_every: int
    score_batches: int
    sentences: tuple
    measured: int
    clip_seconds: float
    clips: int = 4
    speakers: int = 1
    mel: MelConfig = MELGAN

    @property
    def sample_rate(self):
        """Hz."""
        return self.mel.sample_rate


def vocoder_table(name, paper_name, human, title, rows, presets, warning, notes=(), status=None):
    """Return the `speech_table.Table` of a paper's comparison of vocoders.

    Args:
      name: of the result folder.
      paper_name: of the paper's JSON file.
      human: id of the published table whose scores are listeners'.
      title: title of the report.
      rows: `Row`s.
      presets: {name: `VocoderPreset`}.
      warning: function of a preset, as a dict, that returns sentences on its sizes.
      notes: sentences about this table.
      status: {slug: why this row cannot be computed}.
    """
    status = status or {}

    def write_report(results):
        paper = published.load_paper(paper_name)
        judged = (paper.tables[human],)
        rated = ratings.read_ratings(results.path, [row.slug for row in rows], judged[0].columns)
        rate = results.settings["preset"]["mel"]["sample_rate"]
        headline = speech_table.headline(
            results.settings,
            title,
            warnings=warning(results.settings["preset"]),
            notes=(*NOTES, *notes),
            reference="original",
            reference_label="Recording",
            about_scores="Under each name: the recordings behind the means.",
            about_clips="They follow the beginnings of held-out recordings. "
            f"Spectrograms reach to {rate / 2000:g} kHz, 80 dB.",
        )
        made = report.build(
            paper, headline, paper.tables["copy_synthesis"], judged, rows, results, rated, status
        )
        report.write(made, results)
        return made

    def reproduce(corpus, preset, wanted, options, strategy):
        bench = Workbench(corpus, preset, options, strategy)
        settings = speech_table.settings_of(name, PROTOCOL, preset, options, corpus)
        results = runner.open_results(options.out_dir, settings)
        wanted = [row for row in wanted if row.slug not in status]
        return speech_table.compute_rows(wanted, bench, results, write_report, options.say)

    return speech_table.Table(presets, rows, reproduce)
