"""A network in two halves: the edge computes the features of a layer, the cloud goes on from these features.

The halves share the weights of the network, so together they give its probabilities.
"""

import keras

FEATURE_LAYERS = {"1536": "fusion", "400": "dense_1", "150": "dense_2"}  # number of features: layer of `build_hybrid`


def split_network(model: keras.Model) -> dict[str, tuple[keras.Model, keras.Model]]:
    """Return the halves of a network for each number of features in `FEATURE_LAYERS` that it can be cut at.

    The first half gives float [batch, features], the second takes them. Networks of skeletons, the fusion and users'
    own networks have no layer that everything goes through, those with one path have not all of them.
    """
    layers = {layer.name: layer for layer in model.layers}
    halves = {}
    for count, name in FEATURE_LAYERS.items():
        features = layers[name].output if name in layers else None
        if isinstance(features, keras.KerasTensor) and tuple(features.shape) == (None, int(count)):
            try:
                halves[count] = keras.Model(model.inputs, features), keras.Model(features, model.outputs[0])
            except ValueError:  # another path leads around this layer
                continue
    return halves
