"""Tables of WaveNet (arXiv:1609.03499): 1 and 2, the phone error rate, the numbers in the text.

Of Table 1 likelihood and clips are reproduced, of Table 2 the pair of the two WaveNets: both are
trained on the same recordings, scored by likelihood, and paired for listening.
"""

from tfwave.repro import published
from tfwave.repro.published import Column
from tfwave.repro.rows import make_row
from tfwave.repro.table import Table, on_demand

_PAPER = "\u201cWaveNet\u201d"
_BITS = ("bits per sample", "lower", "measurement", 3)
_NOT_PUBLISHED = "not published"
_LIKELIHOOD = (
    "Bits per sample: mean negative log2 likelihood of the 8-bit mu-law codes of all held-out test "
    "recordings, every sample predicted from its true past. It is not in the paper"
)
_CEPSTRA = 13

ROWS = (
    make_row("lstm", "LSTM-RNN parametric", about="A system that only the paper's authors have."),
    make_row(
        "concat", "HMM-driven concatenative", about="A system that only the paper's authors have."
    ),
    make_row(
        "wavenet_lf",
        "WaveNet (L+F)",
        "wavenet",
        "WaveNet conditioned on the mel spectrogram, in place of linguistic features and F0.",
    ),
    make_row("natural_8bit", "Natural (8-bit mu-law)", about="Recordings, in 256 mu-law levels."),
    make_row("natural_16bit", "Natural (16-bit linear PCM)", about="Recordings."),
)
# In Table 2 only. Cepstra: cosines over the mel bands that are kept.
WAVENET_L = make_row(
    "wavenet_l",
    "WaveNet (L)",
    "wavenet",
    "WaveNet conditioned on the envelope of the mel spectrogram, which tells no pitch.",
    cepstra=_CEPSTRA,
)
_PAIR = make_row(
    "wavenet_l_vs_wavenet_lf",
    "WaveNet (L) or WaveNet (L+F)",
    "",
    "The clips are pairs: one of each model, after the same recording.",
)
_PAIRS = (
    make_row("lstm_vs_concat", "LSTM or Concat"),
    make_row("lstm_vs_wavenet_l", "LSTM or WaveNet (L)"),
    make_row("lstm_vs_wavenet_lf", "LSTM or WaveNet (L+F)"),
    make_row("concat_vs_wavenet_l", "Concat or WaveNet (L)"),
    make_row("concat_vs_wavenet_lf", "Concat or WaveNet (L+F)"),
    _PAIR,
)

TABLE1 = Table(
    key="wavenet_table1",
    protocol=1,
    paper="wavenet",
    title=f"Table 1 of {_PAPER}",
    rows=ROWS,
    presets=on_demand("wavenet.presets", "PRESETS"),
    experiment=on_demand("wavenet.experiment", "WaveNetExperiment"),
    columns=(Column("bits_per_sample", "Held-out likelihood", *_BITS),),
    listeners=("table1",),
    notes=(
        f"{_LIKELIHOOD}, and comparable only between models of the same recordings and the same "
        "quantisation.",
        "The paper's WaveNet was conditioned on linguistic features and log F0 of an unpublished "
        "text-to-speech system; here it is conditioned on the mel spectrogram of the recording, so "
        "the row is a vocoder's. Clips follow held-out recordings.",
        "LSTM-RNN parametric and HMM-driven concatenative are systems of the paper's authors; they "
        "cannot be rebuilt from the paper.",
    ),
    counts="the samples behind the likelihood",
    reference="natural_16bit",
    status={row.key: _NOT_PUBLISHED for row in ROWS[:2]},
)
TABLE2 = Table(
    key="wavenet_table2",
    protocol=1,
    paper="wavenet",
    title=f"Table 2 of {_PAPER}",
    rows=_PAIRS,
    presets=on_demand("wavenet.presets", "PAIR_PRESETS"),
    experiment=on_demand("wavenet.experiment", "PairedWaveNets"),
    columns=(
        Column("bits_first", "Held-out likelihood, first", *_BITS),
        Column("bits_second", "second", *_BITS),
    ),
    listeners=("table2",),
    notes=(
        f"{_LIKELIHOOD}.",
        "The paper's WaveNet (L) was conditioned on linguistic features and WaveNet (L+F) on log "
        "F0 besides, both of an unpublished text-to-speech system. Here (L+F) is conditioned on "
        f"the mel spectrogram of the recording and (L) on its envelope, the first {_CEPSTRA} "
        "cosines over the bands, which does not tell the pitch.",
        "LSTM and Concat are systems of the paper's authors; they cannot be rebuilt from the "
        "paper.",
        "The paper's p-values: under 1e-9 for all pairs but Concat or WaveNet (L) in English "
        "(0.003) and LSTM or WaveNet (L) in Mandarin (0.476).",
    ),
    counts="the samples behind the likelihood",
    reference="natural_16bit",
    status={row.key: _NOT_PUBLISHED for row in _PAIRS if row != _PAIR},
)
TIMIT = Table(
    key="wavenet_timit",
    protocol=1,
    paper="wavenet",
    title=f"Phone error rate of {_PAPER}",
    rows=(
        make_row(
            "wavenet_two_losses",
            "WaveNet (next-sample loss + frame classification loss)",
            "recognizer",
            "Raw audio; mean pooling to 10 ms, then non-causal convolutions.",
        ),
    ),
    presets=on_demand("wavenet.timit", "PRESETS"),
    experiment=on_demand("wavenet.timit", "TimitExperiment"),
    columns=("timit",),
    notes=(
        "Phone error rate: insertions, deletions and substitutions by the phones spoken, over all "
        "test sentences. Each frame's most likely phone, runs under 30 ms left out, repeats "
        "merged; the paper does not say how it decodes.",
        "Recordings with transcripts but no .PHN files are labelled with the phonemes of eSpeak "
        "NG's reading of each transcript, aligned to the recording by dynamic time warping: their "
        "rate is the distance to that reading, not to what a listener heard. The row says whose "
        "labels it has.",
        "The weights are those with the lowest rate on the validation sentences.",
        "The paper gives the pooling and the two losses; sizes, weights of the losses and training "
        "are choices made here.",
    ),
    counts="the phones that were spoken",
    data="TIMIT, with its .PHN files, or LJSpeech's layout, with the transcripts of metadata.csv",
)

# Corpora whose hours are counted: {name of the flag: (row, recordings)}.
CORPORA = {
    "vctk_dir": ("vctk_hours_used", "VCTK"),
    "english_dir": ("english_tts_hours", "English recordings of one speaker"),
    "mandarin_dir": ("mandarin_tts_hours", "Mandarin recordings of one speaker"),
    "magnatagatune_dir": ("magnatagatune_hours", "MagnaTagATune"),
    "piano_dir": ("youtube_piano_hours", "Piano recordings"),
}


def _text_rows():
    """Return the rows of the numbers in the text, one for each, as the paper's data has them."""
    table = published.load_paper("wavenet").tables["text"]
    return tuple(make_row(key, key.replace("_", " ")) for key in table.values)


TEXT = Table(
    key="wavenet_text",
    protocol=1,
    paper="wavenet",
    title=f"Numbers in the text of {_PAPER}",
    rows=_text_rows(),
    presets=on_demand("wavenet.presets", "PRESETS"),
    experiment=on_demand("wavenet.text", "TextExperiment"),
    columns=("text",),
    notes=(
        "Receptive fields are those of preset paper, whose layers are ibab/tensorflow-wavenet's; "
        "the paper does not give its own layers.",
        "The features here are mel frames, in place of the paper's linguistic ones at 5 ms and F0 "
        "at 200 Hz.",
    ),
    flags=("cache_dir", "strict"),
    preset="paper",
    preset_help="paper (the models of the paper), quick or smoke (smaller models).",
    cached=False,
    with_page=False,
)
