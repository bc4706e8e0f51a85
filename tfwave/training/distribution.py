"""Distribution strategies, and the batches of each replica.

A run gives the same losses, up to rounding, on one device, on several and on several machines:
the batch size is the global one and replica k of n gets rows k*B/n to (k+1)*B/n of each batch.
"""

import json
import os

import tensorflow as tf

from tfwave.errors import UserError


def open_strategy(spec="auto"):
    """Open a distribution strategy; call this before any other TensorFlow operation.

    Args:
      spec: 'one' (one device), 'mirrored' (every GPU of this machine, or every logical CPU where
        there is no GPU), 'multi_worker' (the workers that TF_CONFIG names) or 'auto' (multi_worker
        where TF_CONFIG is set, mirrored where there are several GPUs, one otherwise).

    Returns:
      A tf.distribute.Strategy.

    Raises:
      UserError: `spec` is none of these, or multi_worker without a usable TF_CONFIG.
    """
    if spec == "auto":
        if os.environ.get("TF_CONFIG"):
            spec = "multi_worker"
        else:
            spec = "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one"
    if spec == "one":
        return tf.distribute.get_strategy()
    if spec == "mirrored":
        return _open_mirrored()
    if spec == "multi_worker":
        _check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    raise UserError(
        f"the strategy must be 'auto', 'one', 'mirrored' or 'multi_worker', not {spec!r}"
    )


def _open_mirrored():
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        return tf.distribute.MirroredStrategy([device.name for device in gpus])
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices("CPU")],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )


def _check_tf_config():
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        task = config["task"]
        usable = config["cluster"]["worker"] and task["type"] and int(task["index"]) >= 0
    except (ValueError, KeyError, TypeError):
        usable = False
    if not usable:
        raise UserError(
            "TF_CONFIG must be JSON with cluster.worker, task.type and task.index for the "
            f"multi_worker strategy, not {text[:80]!r}"
        )


def worker_count(strategy):
    """Count the processes that train together."""
    resolver = strategy.cluster_resolver
    if resolver is None:
        return 1
    tasks = resolver.cluster_spec().as_dict()
    return max(1, len(tasks.get("worker", ())) + len(tasks.get("chief", ())))


def is_chief(strategy):
    """Return whether this process is the one that writes the run's directory."""
    if worker_count(strategy) == 1:
        return True
    resolver = strategy.cluster_resolver
    if resolver.task_type == "chief":
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_type == "worker" and resolver.task_id == 0 and not has_chief


def describe(strategy):
    """Name the devices in a few words, such as '2 GPUs' or 'CPU, one of 2 workers'."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    workers = worker_count(strategy)
    local = strategy.num_replicas_in_sync // workers
    text = kind if local == 1 else f"{local} {kind}s"
    return text if workers == 1 else f"{text}, one of {workers} workers"


class ReplicaBatches:
    """The batches of this process's replicas, from a given step on.

    Args:
      strategy: the run's strategy.
      batches_fn: function of (start_step, shard_index, shard_count) giving an infinite dataset.
      step: the step to start from.
    """

    def __init__(self, strategy, batches_fn, step):
        self._strategy = strategy
        self._batches_fn = batches_fn
        self._step = step
        self._iterators = {}

    def next(self):
        """Return the next element, as one value per local replica where there are several."""
        return self._strategy.experimental_distribute_values_from_function(self._next_of)

    def close(self):
        """Stop reading.

        An iterator whose dataset calls Python ahead of time must be deleted before the interpreter
        exits: it would otherwise wait for a thread that Python no longer runs.
        """
        self._iterators.clear()

    def _next_of(self, context):
        shard = context.replica_id_in_sync_group
        if shard not in self._iterators:
            count = context.num_replicas_in_sync
            self._iterators[shard] = iter(self._batches_fn(self._step, shard, count))
        return next(self._iterators[shard])


def check_batch_size(strategy, batch_size):
    """Raise UserError if a batch cannot be shared equally among the replicas."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise UserError(f"batch_size {batch_size} cannot be shared by {replicas} replicas")


def check_workers_agree(strategy, step):
    """Wait for all workers and raise UserError if they start from different steps.

    This happens when the run's directory is not on a file system that all of them share.
    """
    total = _sum_over_replicas(strategy, step)
    if total != step * strategy.num_replicas_in_sync:
        raise UserError(
            f"this worker continues from step {step} but others do not; the directory must be on "
            "a file system that all workers share"
        )


def wait_for_all(strategy):
    """Wait for all workers."""
    value_of_chief(strategy, 0.0)


def value_of_chief(strategy, value):
    """Return the chief's number on every worker, so that all of them decide alike."""
    workers = worker_count(strategy)
    if workers == 1:
        return value
    total = _sum_over_replicas(strategy, value if is_chief(strategy) else 0.0)
    return total / (strategy.num_replicas_in_sync // workers)


def _sum_over_replicas(strategy, value):
    return float(_reduce_sum(strategy, tf.constant(value, tf.float64)))


@tf.function
def _reduce_sum(strategy, value):
    mine = strategy.run(tf.identity, args=(value,))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None)
