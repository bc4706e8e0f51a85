"""Tables 1 to 4 of WaveRNN (arXiv:1802.08435) and the speeds and sizes in its text."""

from tfwave.repro.published import Column
from tfwave.repro.rows import make_row
from tfwave.repro.table import TIMING_FLAGS, TIMING_PRESETS, Table, on_demand

_PAPER = "\u201cEfficient Neural Audio Synthesis\u201d (WaveRNN)"
_AGAINST = "wavernn_896"
_NATS = ("nats per sample", "lower", "measurement", 3)

RECORDING = make_row("recording", "Recording", about="Held-out recordings; not in the paper.")
ROWS = (
    make_row(
        "wavenet",
        "WaveNet 512 (60)",
        "wavenet",
        "Ten logistics over the same 65,536 levels, in place of two softmaxes.",
    ),
    make_row("wavernn_224", "WaveRNN 224", "wavernn", units=224),
    make_row("wavernn_384", "WaveRNN 384", "wavernn", units=384),
    make_row("wavernn_896", "WaveRNN 896", "wavernn", units=896),
    make_row("wavernn_2048", "WaveRNN 2048", "wavernn", units=2048),
    make_row(
        "sparse_mobile",
        "Sparse WR Mobile",
        "wavernn",
        "1024 units; 95.2 % of the gates' 4x4 blocks are pruned, 80 % of the outputs'.",
        units=1024,
        sparsity=0.952,
        output_sparsity=0.8,
    ),
    make_row(
        "sparse_224",
        "Sparse WR 224 / 1536@97.8%",
        "wavernn",
        "1536 units, 97.8 % of the gates' 4x4 blocks pruned.",
        units=1536,
        sparsity=0.978,
    ),
    make_row(
        "sparse_384",
        "Sparse WR 384 / 2048@96.4%",
        "wavernn",
        "2048 units, 96.4 % of the gates' 4x4 blocks pruned.",
        units=2048,
        sparsity=0.964,
    ),
    make_row("subscale_16", "Subscale WR 1024 (16x)", "subscale", units=1024, tensors=16),
    make_row("subscale_8", "Subscale WR 1024 (8x)", "subscale", units=1024, tensors=8),
    make_row("fused_2", "Fused Subscale WR 896 (2x)"),
    RECORDING,
)
NOT_BUILT = {"fused_2": "not built here"}
_SYSTEMS = {row.key: row for row in ROWS}
_PAIRS = tuple(
    make_row(
        f"{key}_vs_{_AGAINST}",
        f"{_SYSTEMS[key].label} or {_SYSTEMS[_AGAINST].label}",
        "",
        "The clips are pairs: one of each model, after the same recording.",
    )
    for key in ("wavenet", "sparse_384", "sparse_mobile", "subscale_16")
)

_NOTES = (
    "NLL: mean negative natural log likelihood of all 16-bit samples of the held-out test "
    "recordings, every sample predicted from its true past (for subscale: from what its order has "
    "before it). Sequences start from a state of zeros; those of subscale are told nothing that "
    "lies behind their end.",
    "The paper's models were conditioned on linguistic features and pitch of an unpublished "
    "text-to-speech system and recordings of one speaker; here they are conditioned on the mel "
    "spectrogram of the recording, so the rows are vocoders'. Clips follow held-out recordings.",
    "WaveNet gives every one of the 65,536 levels a probability by a mixture of ten logistics, so "
    "that its NLL has the unit of the others; how the paper's WaveNet described 16 bits it does "
    "not say.",
    "Blocks are 4x4 in all sparse rows; the paper says so of Mobile only. Whether the output "
    "matrices were pruned it does not say: here Mobile's are, by 80 %, the sparsity of their size "
    "in the paper's Table 4, and those of the other rows are not.",
)
_MEDIANS = (
    "Medians over runs after a first one, which compiles; \u00b1 half the range between the "
    "quartiles. Weights and arithmetic are float32; nothing else should run on the machine."
)
_PRODUCTS = (
    "Products are made one after the other in one compiled loop, each from the outcome of the one "
    "before, by the code that generation uses."
)

# Fields of a `Table` of likelihoods, and of one of speeds.
_LIKELIHOODS = {
    "protocol": 1,
    "paper": "wavernn",
    "presets": on_demand("wavernn.presets", "PRESETS"),
    "counts": "the samples behind the likelihood",
    "reference": RECORDING.key,
}
_SPEEDS = {
    "protocol": 2,
    "paper": "wavernn",
    "presets": on_demand("wavernn.speed", "PRESETS"),
    "flags": TIMING_FLAGS,
    "preset_help": TIMING_PRESETS,
    "threads": 2,
    "with_page": False,
}

TABLE1 = Table(
    key="wavernn_table1",
    title=f"Table 1 of {_PAPER}",
    rows=_PAIRS,
    experiment=on_demand("wavernn.experiment", "PairedWaveRNNs"),
    columns=(
        Column("nats_first", "Held-out likelihood, first", *_NATS),
        Column("nats_second", "second", *_NATS),
    ),
    listeners=("table1",),
    notes=_NOTES,
    **_LIKELIHOODS,
)
TABLE2 = Table(
    key="wavernn_table2",
    title=f"Table 2 of {_PAPER}",
    rows=tuple(
        make_row(f"blocks_{block}", f"Sparse WR Mobile, {block}", block=block)
        for block in ("4x4", "16x1")
    ),
    experiment=on_demand("wavernn.speed", "MobileSpeed"),
    columns=(
        Column("run_khz", "This machine, run", "kHz", "higher", digits=1, low=0),
        Column("sum_khz", "This machine, sum of products", "kHz", "higher", digits=1, low=0),
        "table2",
    ),
    notes=(
        _MEDIANS,
        _PRODUCTS,
        "Run: the model, conditioned on features, makes one clip. Sum: the five products and the "
        "gates' non-linearities of a sample are timed each for itself and added, as the paper did.",
        "1024 units, gates pruned by 95 %, output matrices by 80 % (the sparsity of their size in "
        "Table 4; the paper does not say). Matrices whose blocks would be no faster are multiplied "
        "whole.",
    ),
    **_SPEEDS,
)
TABLE3 = Table(
    key="wavernn_table3",
    title=f"Table 3 of {_PAPER}",
    rows=ROWS,
    experiment=on_demand("wavernn.experiment", "WaveRNNExperiment"),
    columns=("table3", Column("weights_m", "Weights at the published size", "million", low=0)),
    listeners=("table3_mos",),
    notes=(
        *_NOTES,
        "Weights at the published size are counted without biases and conditioning networks, what "
        "is pruned left out.",
    ),
    status={"fused_2": "not built here"},
    **_LIKELIHOODS,
)
_SIZES = ((512, 0.8), (1024, 0.95), (2048, 0.964))
TABLE4 = Table(
    key="wavernn_table4",
    title=f"Table 4 of {_PAPER}",
    rows=(
        *(
            make_row(f"dense_{side}", f"{side}, dense", side=side, sparsity=0.0, block="element")
            for side in (224, 384, 1024)
        ),
        *(
            make_row(
                f"{printed}_{side}",
                f"{side}, {100 * sparsity:g} %, {printed}",
                side=side,
                sparsity=sparsity,
                block=block,
            )
            for printed, block in (("1x1", "element"), ("4x4", "4x4"), ("16x1", "16x1"))
            for side, sparsity in _SIZES
        ),
    ),
    experiment=on_demand("wavernn.speed", "ProductSpeed"),
    columns=(
        Column("cpu_gflops", "This machine", "GFLOP/s", "higher", digits=1, low=0),
        Column(
            "cpu_products",
            "This machine, products",
            "thousand per second",
            "higher",
            digits=1,
            low=0,
        ),
        "table4",
    ),
    notes=(
        _MEDIANS,
        _PRODUCTS,
        "The paper's weights are float16 in memory, its arithmetic float32.",
    ),
    **_SPEEDS,
)
TEXT = Table(
    key="wavernn_text",
    title=f"Numbers in the text of {_PAPER}",
    rows=(
        _SYSTEMS["wavernn_896"],
        make_row("wavernn_896_batch_4", "WaveRNN 896, batch of 4", "wavernn", units=896, clips=4),
        make_row(
            "wavernn_896_tensorflow",
            "WaveRNN 896, ordinary TensorFlow",
            "wavernn",
            units=896,
            xla=False,
        ),
        _SYSTEMS["wavenet"],
        make_row(
            "wavenet_tensorflow", "WaveNet 512 (60), ordinary TensorFlow", "wavenet", xla=False
        ),
        *(_SYSTEMS[key] for key in ("subscale_16", "fused_2", "sparse_mobile", "sparse_384")),
    ),
    experiment=on_demand("wavernn.speed", "GenerationSpeed"),
    columns=("text",),
    notes=(
        _MEDIANS,
        "Models are conditioned on features; one compiled loop, but op by op where a row says "
        "ordinary TensorFlow. Weights: without biases and conditioning, what is pruned left out.",
        "Subscale: the rate while all sub-tensors are made side by side, that is, in clips so long "
        "that the lag of the last sub-tensor counts for nothing.",
        "Sparse rows: blocks of 4x4; the paper gives no speeds of them on GPUs.",
    ),
    status={"fused_2": "not built here"},
    **_SPEEDS,
)
