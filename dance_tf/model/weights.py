"""Weights that a network starts from, drawn from one seed and nothing else."""

import keras
import numpy as np

DRAWN = (("kernel", "kernel_initializer"), ("recurrent_kernel", "recurrent_initializer"))


def draw_weights(model: keras.Model, seed: int) -> None:
    """Draw the kernels of a model anew, layer k's from (seed, k) alone.

    Keras takes the seeds of its initializers from Python's own random numbers, which any other thread of the process
    may draw from meanwhile; the threads of a Dask worker do. All weights but kernels start at fixed values.

    Args:
        model: built; changed in place.
        seed: 0 or above.
    """
    for number, layer in enumerate(model._flatten_layers()):
        for name, initializer in DRAWN:
            weight = getattr(layer, name, None)
            if not isinstance(weight, keras.Variable):
                continue
            rule = getattr(layer, initializer)
            own = int(np.random.SeedSequence([seed, number, name == "kernel"]).generate_state(1)[0] >> 1)
            config = {**rule.get_config(), "seed": own}
            weight.assign(type(rule).from_config(config)(weight.shape, dtype=weight.dtype))
