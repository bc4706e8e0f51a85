"""Tests of the interface that all systems share, on their tiny cases."""

import dataclasses
import inspect
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfwave
from tests.conformance.cases import BY_NAME, CASES
from tfwave import models
from tfwave.layers.tracking import inner_variable
from tfwave.models.precision import PRECISIONS
from tfwave.models.system import KINDS, System
from tfwave.training import checkpoints

NAMES = [case.name for case in CASES]
SOUNDING = [
    case.name for case in CASES if case.system not in ("DigitClassifier", "WaveNetRecognizer")
]


@pytest.fixture(scope="module")
def made():
    """Return {name: a model of the case}, which tests do not change."""
    return Models()


class Models(dict):
    """Models by the name of their case, built when a test first asks for one."""

    def __missing__(self, name):
        self[name] = BY_NAME[name].stirred()
        return self[name]


def values(model):
    return {name: np.array(v) for name, v in model.named_variables().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_every_system_has_a_case():
    assert {case.system for case in CASES} == set(models.SYSTEMS)


@pytest.mark.parametrize("system", models.SYSTEMS)
def test_system_and_configuration_are_public(system):
    cls, config_class = getattr(models, system), getattr(models, f"{system}Config")
    assert issubclass(cls, System) and cls.__name__ == system
    assert cls.config_class is config_class and dataclasses.is_dataclass(config_class)
    assert config_class() == config_class()  # the published configuration
    arguments = inspect.signature(cls).parameters
    assert arguments["config"].default is None and arguments["seed"].default == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_has_one_name(name, made):
    model = made[name]
    names = model.named_variables()
    named = {id(variable) for variable in names.values()}
    # Keras 2 counts the batches of `fit` and `evaluate` in variables of its own.
    counters = {"_train_counter", "_test_counter", "_predict_counter"}
    own = {id(v) for k, v in vars(model).items() if k in counters}
    variables = [inner_variable(v) for v in model.variables]
    assert len(named) == len(names)
    assert {id(v) for v in variables} - own - _generators(model) <= named
    assert "step" in names or name == "classifier"


def _generators(model):
    return {
        id(inner_variable(v))
        for v in model.variables
        if "seed_generator_state" in v.name or v.dtype == "int64" or v.name.startswith("Variable")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_comes_back_from_json(name, made):
    model = made[name]
    config = json.loads(json.dumps(model.get_config()))
    copy = type(model).from_config(config)
    assert copy.config == model.config and copy.mel == model.mel and copy.seed == model.seed
    assert keras.saving.get_registered_name(type(model)) == f"tfwave>{type(model).__name__}"


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_follow_from_the_seed(name):
    case = BY_NAME[name]
    one, same, other = (values(case.model(seed)) for seed in (3, 3, 4))
    assert_same(one, same)
    assert any((one[key] != other[key]).any() for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_is_the_same(name, made, tmp_path):
    model = made[name]
    model.save(tmp_path / "saved")
    loaded = tfwave.load(tmp_path / "saved")
    assert type(loaded) is type(model) and loaded.config == model.config
    assert loaded.mel == model.mel
    assert_same(values(loaded), values(model))


@pytest.mark.parametrize("name", NAMES)
def test_keras_files_come_back(name, made, tmp_path):
    model = made[name]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert type(loaded) is type(model)
    assert_same(values(loaded), values(model))


@pytest.mark.parametrize("name", NAMES)
def test_curves_are_what_a_training_step_returns(name):
    case = BY_NAME[name]
    model = case.model()
    model.compile()
    batch = case.batch(model)
    assert set(batch) == set(model.batch_spec(case.samples).columns)
    scalars = model.train_step(batch)
    assert set(scalars) <= {curve.name for curve in model.curves}
    assert any(curve.shown for curve in model.curves if curve.name in scalars)
    assert all(np.isfinite(float(value)) for value in scalars.values())
    assert int(model.step) == 1
    if model.selection is not None:
        assert model.selection.name in model.test_step(batch)
        assert model.selection.lower_is_better is not None


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_training_goes_on_bit_for_bit(name, tmp_path):
    case = BY_NAME[name]

    def start():
        model = case.model()
        model.compile()
        return model

    whole = start()
    for step in range(2):
        whole.train_step(case.batch(whole, seed=step))
    first = start()
    first.train_step(case.batch(first, seed=0))
    checkpoints.save_newest(str(tmp_path), first, 1, keep=1)
    rest = start()
    assert checkpoints.resume(str(tmp_path), rest)["step"] == 1
    assert_same(values(rest), values(first))
    rest.train_step(case.batch(rest, seed=1))
    assert_same(values(rest), values(whole))


@pytest.mark.parametrize("name", NAMES)
def test_fit_trains(name):
    case = BY_NAME[name]
    model = case.model()
    model.compile()
    data = tf.data.Dataset.from_tensors(case.batch(model)).repeat()
    history = model.fit(data, epochs=1, steps_per_epoch=2, verbose=0)
    assert int(model.step) == 2
    assert set(history.history) <= {curve.name for curve in model.curves}


# Generation.


def request_of(case, model):
    """Return a small request of the model's kind: (positional arguments, keywords)."""
    random = np.random.default_rng(5)
    if model.kind == "latents":
        return (3,), {}
    if model.kind == "mel":
        mel = random.normal(size=[3, 24, model.mel.n_mels]).astype(np.float32)
        kwargs = {"speaker": np.arange(3)} if "speaker" in case.columns else {}
        return (mel,), {**kwargs, **_eager(model)}
    return (), {"samples": 30, "count": 3, **_eager(model)}


def _eager(model):
    return {"xla": False} if "xla" in inspect.signature(model.generate).parameters else {}


def first_of(arguments, kwargs):
    """Return the same request for its first clip alone."""
    arguments = [a[:1] if isinstance(a, np.ndarray) else 1 for a in arguments]
    kwargs = {k: v[:1] if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    return arguments, {**kwargs, **({"count": 1} if "count" in kwargs else {})}


@pytest.mark.parametrize("name", SOUNDING)
def test_a_clip_depends_on_its_seed_and_number_alone(name, made):
    model = made[name]
    assert model.kind in KINDS
    arguments, kwargs = request_of(BY_NAME[name], model)
    waveform = model.generate(*arguments, seed=7, **kwargs).numpy()
    assert waveform.dtype == np.float32 and waveform.ndim == 3 and len(waveform) == 3
    assert np.isfinite(waveform).all()
    np.testing.assert_array_equal(model.generate(*arguments, seed=7, **kwargs), waveform)
    one, alone = first_of(arguments, kwargs)
    np.testing.assert_allclose(model.generate(*one, seed=7, **alone), waveform[:1], atol=1e-5)


@pytest.mark.parametrize("name", SOUNDING)
def test_reduced_precision_stays_close(name, made):
    model = made[name]
    if "precision" not in inspect.signature(model.generate).parameters:
        pytest.skip("generation has one precision")
    arguments, kwargs = request_of(BY_NAME[name], model)
    kwargs |= {"greedy": True} if "greedy" in inspect.signature(model.generate).parameters else {}
    exact, reduced = (
        model.generate(*arguments, precision=precision, **kwargs).numpy()
        for precision in PRECISIONS
    )
    assert np.mean(np.abs(exact - reduced)) < 0.1 * max(np.std(exact), 0.05)


@pytest.mark.parametrize("name", SOUNDING)
def test_summaries_have_sounds_and_pictures(name, made, tmp_path):
    model, case = made[name], BY_NAME[name]
    data = {key: tf.constant(value) for key, value in case.batch(model).items()}
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default(step=0):
        model.summaries(0, data)
    writer.close()
    tags = set()
    for path in tmp_path.glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    for tag in ("audio/real", "audio/generated", "images/real", "images/generated"):
        assert tag in tags, sorted(tags)


@pytest.mark.slow
def test_two_replicas_make_the_updates_of_one(root):
    command = [sys.executable, str(root / "tests" / "conformance" / "replicas.py")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert len(done.stdout.splitlines()) >= len(models.SYSTEMS)
