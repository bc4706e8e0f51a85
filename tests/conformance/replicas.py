"""Train the cases on one device and on two, in a process of its own.

    python tests/conformance/replicas.py [CASE ...]

Logical devices must be made before TensorFlow starts. Prints a line for each case; exits with 1
when two replicas do not make the updates of one. Draws of a single replica (dropout, gains) and
batch normalisation, which depend on the replica, are switched off.
"""

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from tfwave.layers.tracking import trained_variables

ROWS = 4
STEPS = 2
# Fields that make an update depend on which replica has which row.
CHANGES = {"melgan": {"least_gain": 1.0}}
# Batch normalisation depends on the rows of a replica.
SKIPPED = ("fatchord", "classifier")


def train(case, strategy, replicas):
    """Train a case for `STEPS` steps and return its trained variables as arrays."""
    with strategy.scope():
        model = case.model()
        model.compile()
    batch = case.batch(model, rows=ROWS)
    axis = {"waveform": 1} if model.kind == "latents" else {}

    def share(context):
        index = context.replica_id_in_sync_group
        return {
            name: tf.constant(np.split(values, replicas, axis.get(name, 0))[index])
            for name, values in batch.items()
        }

    shares = strategy.experimental_distribute_values_from_function(share)
    step = tf.function(lambda data: strategy.run(model.train_step, args=(data,)), autograph=False)
    for _ in range(STEPS):
        step(shares)
    return [np.array(tf.convert_to_tensor(v)) for v in trained_variables(model)]


def main(names):
    """Compare the named cases, or all of them, and return the exit code."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration() for _ in range(2)]
    tf.config.set_logical_device_configuration(cpu, devices)
    from tests.conformance.cases import CASES

    # One of each for all cases: a second mirrored strategy would use the first one's collectives.
    alone = tf.distribute.OneDeviceStrategy("/cpu:0")
    mirrored = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    failed = 0
    for case in CASES:
        if case.name in SKIPPED or (names and case.name not in names):
            continue
        case = dataclasses.replace(case, fields={**case.fields, **CHANGES.get(case.name, {})})
        one, two = train(case, alone, 1), train(case, mirrored, 2)
        difference = max(np.abs(a - b).max() for a, b in zip(one, two, strict=True))
        # Adam moves a weight by its rate however small the gradient, so signs must agree.
        failed += difference > 3e-4
        print(f"{case.name}: {difference:.1e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
