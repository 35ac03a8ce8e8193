"""From frames to clips: one verdict a clip."""

import numpy as np

from dance_tf.assessment.predictions import Predictions


def aggregate_clips(predictions: Predictions) -> Predictions:
    """A clip's probabilities are the mean of its frames' (the paper names several frames, but no rule; section 1).

    Args:
        predictions: of frames; those of a clip need not lie together.

    Returns:
        Predictions with one row for each clip that has a frame, in the order of `clip_ids`; clips without a frame are
        left out of `clip_ids` and `dancers` too. Aggregating a second time changes nothing.

    Raises:
        ValueError: frames of one clip carry different labels.
    """
    seen, first, rows = np.unique(predictions.clips, return_index=True, return_inverse=True)
    labels = predictions.labels[first]
    differing = np.flatnonzero(labels[rows] != predictions.labels)
    if len(differing):
        clip = predictions.clip_ids[predictions.clips[differing[0]]]
        raise ValueError(f"clip {clip} has frames of more than one label")
    sums = np.zeros((len(seen), len(predictions.styles)))  # float64: a clip may have a thousand frames
    np.add.at(sums, rows, predictions.probabilities)
    counts = np.bincount(rows, minlength=len(seen))[:, None]
    return Predictions(
        probabilities=(sums / np.maximum(counts, 1)).astype(np.float32),
        labels=labels,
        clips=np.arange(len(seen)),
        dancers=tuple(predictions.dancers[clip] for clip in seen),
        styles=predictions.styles,
        clip_ids=tuple(predictions.clip_ids[clip] for clip in seen),
    )
