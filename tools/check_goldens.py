"""Compare tfwave with golden vectors that the authors' code made.

    python tools/check_goldens.py tests/goldens/wavegan tests/goldens/wavenet
    python tools/check_goldens.py tests/goldens/mel/mel.npz --verbose

Prints for every case the worst error relative to its tolerance, and ends with exit code 1 when one
is over it or a case has no check.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import flags

from tfwave import cli
from tfwave.audio.mel_goldens import check_mel
from tfwave.data.loader_goldens import check_loader
from tfwave.goldens import read_golden
from tfwave.losses.stft_loss_goldens import check_stft_loss
from tfwave.models.digit_classifier import goldens as evaluation
from tfwave.models.fatchord_wavernn.goldens import check_fatchord
from tfwave.models.melgan import goldens as melgan
from tfwave.models.wavegan import goldens as adversarial
from tfwave.models.waveglow import goldens as waveglow
from tfwave.models.wavenet import goldens_ibab as ibab
from tfwave.models.wavenet import goldens_parts as wavenet_parts
from tfwave.models.wavenet.goldens_r9y9 import check_r9y9_network
from tfwave.models.wavernn.goldens import check_dual_softmax

flags.DEFINE_bool("verbose", False, "Print every array instead of the worst of each case.")

# What the authors' code ran (a part of `function` in a golden's cfg), and what checks it.
CHECKS = (
    ("train_wavegan.infer", adversarial.check_wavegan_generator),
    ("train_specgan.infer", adversarial.check_specgan_generator),
    ("WaveGANDiscriminator", adversarial.check_discriminator),
    ("SpecGANDiscriminator", adversarial.check_discriminator),
    ("apply_phaseshuffle", adversarial.check_phase_shuffle),
    ("train_wavegan.train", adversarial.check_training_step),
    ("train_specgan.train", adversarial.check_training_step),
    ("train_specgan.t_to_f", adversarial.check_features),
    ("train_specgan.f_to_t", adversarial.check_inversion),
    ("train_specgan.moments", adversarial.check_moments),
    ("loader.decode_extract_and_batch", check_loader),
    ("eval/inception/score.py", evaluation.check_inception_score),
    ("eval/inception/infer", evaluation.check_sc09_classifier_graph),
    ("eval/similarity/feats.py", evaluation.check_similarity_feats),
    ("eval/similarity/sim.py", evaluation.check_similarity_dist),
)
# An array that only the goldens of one kind hold, and what checks them.
CHECKS_BY_ARRAY = (
    ("in/cold_codes", ibab.check_ibab_incremental),
    ("w/causal_layer/filter", ibab.check_ibab_network),
    ("w/first_conv/weight_v", check_r9y9_network),
    ("in/edge", wavenet_parts.check_mulaw),
    ("in/single/y_hat", wavenet_parts.check_gaussian),
    ("in/mol/y_hat", wavenet_parts.check_sampling),
    ("in/y_hat", wavenet_parts.check_logistic_mixture),
    ("in/up_fk1/c", wavenet_parts.check_upsampling),
    ("w/tacotron2/mel_basis", check_mel),
    ("w/audio2mel/mel_basis", melgan.check_melgan),
    ("w/I_mask", check_dual_softmax),
    ("w/upsample/resnet/conv_in/kernel", check_fatchord),
    ("in/infer_draw0", waveglow.check_waveglow),
    ("out/stft_round_trip_max_abs_error", waveglow.check_tacotron_mel),
    ("out/log_mel", melgan.check_audio2mel),
    ("out/magnitude_resolution0", check_stft_loss),
)


def main(argv):
    places = argv[1:]
    if not places:
        raise ValueError("name one or more golden cases (.npz) or folders of them")
    failed = total = 0
    for path in [path for place in places for path in _cases(place)]:
        total += 1
        failed += not _check(path, flags.FLAGS.verbose)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


def _cases(place):
    """The golden cases of a folder, or the one that is named."""
    if os.path.isfile(place):
        return [place]
    if not os.path.isdir(place):
        raise ValueError(f"{place}: no such file or folder")
    paths = sorted(str(path) for path in pathlib.Path(place).glob("*.npz"))
    if not paths:
        raise ValueError(f"{place}: no golden case (.npz) in this folder")
    return paths


def _check(path, verbose):
    golden = read_golden(path)
    ran = golden.cfg.get("function", "")
    arrays = {
        f"{kind}/{name}"
        for kind, part in (("in", golden.inputs), ("w", golden.weights), ("out", golden.outputs))
        for name in part
    }
    by_function = [check for part, check in CHECKS if part in ran]
    by_array = [check for name, check in CHECKS_BY_ARRAY if name in arrays]
    check = next(iter(by_function or by_array), None)
    if check is None:
        print(f"FAIL {path}: no check for what it ran, {ran or 'which it does not say'!r}")
        return False
    try:
        results = check(golden)
    except ValueError as error:
        print(f"FAIL {path}: {cli.one_line(error)}")
        return False
    if not results:
        print(f"FAIL {path}: its check knows none of its arrays")
        return False
    passed = all(error <= tolerance for _, error, tolerance in results)
    worst = max(results, key=lambda r: r[1] / r[2] if r[2] else float("inf") * r[1] if r[1] else 0)
    for name, error, tolerance in results if verbose else [worst]:
        verdict = "ok  " if passed else "FAIL"
        if verbose:
            verdict = "ok  " if error <= tolerance else "FAIL"
        print(f"{verdict} {path}: {name}: error {error:.2e}, tolerance {tolerance:.2e}")
    return passed


if __name__ == "__main__":
    cli.run(main)
