"""A network in two halves: one computes the features of a layer, the other goes on from these features.

The halves share the weights of the network, so together they give its probabilities.
"""

from dataclasses import dataclass

import keras

FEATURE_LAYERS = {"1536": "fusion", "400": "dense_1", "150": "dense_2"}  # number of features: layer of `build_hybrid`


@dataclass(frozen=True)
class Halves:
    """A network cut at a layer.

    Attributes:
        edge: from the inputs of the network to the features float [batch, n].
        cloud: from the features to probabilities [batch, classes].
    """

    edge: keras.Model
    cloud: keras.Model


def split_network(model: keras.Model) -> dict[str, Halves]:
    """Return the halves of a network for each number of features in `FEATURE_LAYERS` that it can be cut at.

    Networks of skeletons and users' own networks may have no such layer, those with one path have not all of them.
    """
    layers = {layer.name: layer for layer in model.layers}
    halves = {}
    for count, name in FEATURE_LAYERS.items():
        features = layers[name].output if name in layers else None
        if isinstance(features, keras.KerasTensor) and tuple(features.shape) == (None, int(count)):
            try:
                halves[count] = Halves(keras.Model(model.inputs, features), keras.Model(features, model.outputs[0]))
            except ValueError:  # another path leads around this layer of a user's network
                continue
    return halves
