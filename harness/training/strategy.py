"""How the devices of one cell share its batches."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

from harness.errors import ConfigError
from harness.training.cluster import cluster
from harness.training.options import StrategyOptions


@contextmanager
def scope(config: StrategyOptions, batch_size: int) -> Iterator[int]:
    """Builds and trains models over the devices of a strategy, within the block.

    The batch size is that of all replicas together: each gets an equal share, so that a
    recipe means the same on one device and on eight.

    Args:
        config: Which strategy, and how many devices.
        batch_size: Examples computed at once, over all devices (`training.part_size`).

    Yields:
        The number of replicas.

    Raises:
        ConfigError: If there are fewer devices than asked for, or a batch does not divide.
    """
    connect(config)
    strategy = _strategy(config)
    replicas = strategy.num_replicas_in_sync if strategy else 1
    _check_share(batch_size, replicas)
    if config.name == "multi_worker" and config.devices not in (None, replicas):
        raise ConfigError(
            f"strategy.devices: received {config.devices}, but the processes have {replicas} "
            f"together; accepted: {replicas}, or null"
        )
    with strategy.scope() if strategy else nullcontext():
        yield replicas


@contextmanager
def rehearsal(config: StrategyOptions, batch_size: int) -> Iterator[int]:
    """`scope` to try what a cell would build: several processes are not waited for.

    Raises:
        ConfigError: As `scope`, and for a TF_CONFIG that is missing or malformed.
    """
    if config.name == "multi_worker":
        workers = cluster().workers
        _check_share(batch_size, workers)
        yield workers
    else:
        with scope(config, batch_size) as replicas:
            yield replicas


def connect(config: StrategyOptions) -> None:
    """What must be done before TensorFlow computes anything: finding all devices.

    The CPU is split into virtual ones, and the other processes of `multi_worker` waited for.
    """
    if config.virtual_cpus:
        _split_cpu(config.virtual_cpus)
    if config.name == "multi_worker":
        _workers()


def replicas(config: StrategyOptions) -> int:
    """How many devices will share a batch, as far as this process can tell; waits for no other.

    Other processes of `multi_worker` are taken to have as many devices as this one.

    Raises:
        ConfigError: As `rehearsal`.
    """
    import tensorflow as tf

    if config.name == "single":
        return 1
    if config.devices:
        return config.devices
    here = len(tf.config.list_physical_devices("GPU")) or config.virtual_cpus or 1
    return here * cluster().workers if config.name == "multi_worker" else here


def is_chief(config: StrategyOptions) -> bool:
    """Whether this process is the one that logs and writes: all but the other workers are."""
    return config.name != "multi_worker" or cluster().is_chief


def barrier(config: StrategyOptions) -> None:
    """Waits until all processes of `multi_worker` have come here."""
    if config.name == "multi_worker":
        import tensorflow as tf

        strategy = _workers()

        @tf.function
        def meet() -> Any:
            return strategy.reduce("SUM", strategy.run(lambda: tf.constant(1.0)), axis=None)

        meet()


def _check_share(batch_size: int, replicas: int) -> None:
    if batch_size % replicas:
        raise ConfigError(
            f"training.batch_size={batch_size}: does not divide among {replicas} devices;"
            f" choose a multiple of {replicas} (with gradient_accumulation, of each part)"
        )


def synchronize(model: Any, config: StrategyOptions) -> None:
    """Lets the batch normalizations of a model use the moments of whole batches, if so asked.

    Args:
        model: Built, and not trained yet.
        config: Whether to, where there is more than one replica.
    """
    import keras

    shared = model.distribute_strategy.num_replicas_in_sync > 1
    for layer in model._flatten_layers():  # nested ones too
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = shared and config.synchronized_batch_norm


def unite(model: Any) -> None:
    """Gives every replica of a model the same state that is not trained.

    Where batch normalization is not synchronized, replicas keep moving averages of their own
    shares of the batches; each gets the mean of all, so that the model validated is the model
    stored. Training does not read them, and their updates are linear, so when this happens
    does not matter.

    Args:
        model: A built model; one that is not distributed is left as it is.
    """
    import numpy as np

    from harness.training import workers

    distribution = model.distribute_strategy
    if distribution.num_replicas_in_sync == 1:
        return
    if workers.is_distributed(model):
        workers.unite(model)
        return
    for variable in model.non_trainable_variables:
        values = [np.asarray(v) for v in distribution.experimental_local_results(variable.value)]
        if np.issubdtype(values[0].dtype, np.floating):
            variable.assign(np.mean(values, axis=0, dtype=np.float64).astype(values[0].dtype))


def _strategy(config: StrategyOptions) -> Any:
    if config.name == "mirrored":
        return _mirrored(config)
    return _workers() if config.name == "multi_worker" else None


@lru_cache(maxsize=1)
def _workers() -> Any:
    import tensorflow as tf

    cluster()  # TensorFlow takes a missing TF_CONFIG for a cluster of one
    return tf.distribute.MultiWorkerMirroredStrategy()


def _mirrored(config: StrategyOptions) -> Any:
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    wanted = config.devices or len(names)
    if wanted > len(names):
        raise ConfigError(
            f"strategy.devices={wanted}: this machine has {len(names)} {kind} device(s);"
            " ask for fewer, or set strategy.virtual_cpus to try"
        )
    return _mirrored_over(tuple(names[:wanted]))


@lru_cache(maxsize=1)
def _mirrored_over(names: tuple[str, ...]) -> Any:
    # Kept: a second strategy in a process numbers its collective operations from the start
    # again, and TensorFlow takes them for those of the first.
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(names)


def _split_cpu(count: int) -> None:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(cpu, logical)
    except RuntimeError as error:
        if len(tf.config.list_logical_devices("CPU")) != count:
            raise ConfigError(
                f"strategy.virtual_cpus={count}: TensorFlow already runs in this process with"
                f" {len(tf.config.list_logical_devices('CPU'))}; start a new one"
            ) from error
