"""Requests to the signatures of the conformance cases."""

import numpy as np

from tfwave.models import signatures


def example(signature):
    """A request as the signature's own example has it."""
    return {i.name: np.asarray(i.example, i.dtype) for i in signature.interface.inputs}


def request(case, signature):
    """A request to the main signature: {input: array}."""
    return {
        i.name: np.asarray(case.request.get(i.name, i.example), i.dtype)
        for i in signature.interface.inputs
    }


def bad_values(given):
    """Values that an Input of a signature must refuse."""
    value = np.array(given.example, given.dtype)
    yield value[..., np.newaxis]
    for axis, size in enumerate(given.shape):
        if size is None:
            yield np.take(value, np.zeros(0, np.int64), axis)
        else:
            yield np.repeat(value, 2, axis)
    if given.dtype == "float32":
        for number in (np.nan, np.inf):
            broken = value.copy()
            broken.reshape(-1)[-1] = number
            yield broken
    if given.name == "latents":
        yield np.repeat(value, 65, axis=0)
    if len(given.shape) == 3 and given.shape[1] is None:
        yield np.repeat(value, -(-(signatures.MOST_SAMPLES + 1) // value.shape[1]), axis=1)
    out_of_range = {
        "count": (0, -1, 10**6),
        "samples": (0, 2**30),
        "temperature": (0.0, -1.0),
        "sigma": (-0.1,),
        "strength": (-0.1,),
        "speaker": (-1, 3),
    }
    for number in out_of_range.get(given.name, ()):
        yield np.full_like(value, number)
