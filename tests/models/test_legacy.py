"""Descriptions that earlier versions wrote are read as today's."""

import dataclasses
import json

import pytest

from tests.conformance.cases import CASES
from tfwave import models
from tfwave.models import legacy

EARLIER = {
    "FatchordWaveRNN": "fatchord",
    "MelGAN": "melgan",
    "SpecGAN": "specgan",
    "SubscaleWaveRNN": "subscale",
    "WaveGAN": "wavegan",
    "WaveGlow": "waveglow",
    "WaveNet": "wavenet",
    "WaveNetRecognizer": "recognizer",
    "WaveRNN": "wavernn",
}


def earlier(case):
    """The fields of a case as earlier versions stored them."""
    config = getattr(models, case.system).config_class(**case.fields)
    fields = json.loads(json.dumps(dataclasses.asdict(config)))
    if case.system in ("MelGAN", "WaveGlow", "FatchordWaveRNN"):
        fields["batch_size"] = 16  # was there, and read by nothing
    return fields, json.loads(json.dumps(dataclasses.asdict(config)))


@pytest.mark.parametrize("case", [c for c in CASES if c.system in EARLIER], ids=lambda c: c.name)
@pytest.mark.parametrize("named", [True, False])
def test_earlier_descriptions_name_their_system(case, named):
    fields, config = earlier(case)
    description = {"model": fields, "steps": 4}
    if named:
        description["system"] = EARLIER[case.system]
    upgraded = legacy.upgrade_description(description)
    assert (upgraded["system"], upgraded["config"]) == (case.system, config)
    assert upgraded["steps"] == 4 and "model" not in upgraded
    assert legacy.upgrade_description(upgraded) == upgraded
    clips = legacy.upgrade_description({"generated_from": description, "step": 3})
    assert clips == {"generated_from": upgraded, "step": 3}
    assert legacy.system_class(EARLIER[case.system]).__name__ == case.system


@pytest.mark.parametrize("other", [{}, [], {"model": None}, {"model": {"layers": 3}}, {"row": "x"}])
def test_what_is_no_earlier_description_stays(other):
    assert legacy.upgrade_description(other) == other
