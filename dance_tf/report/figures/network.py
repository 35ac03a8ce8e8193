"""Diagrams of networks (Figures 1 to 3), read from a model object: layers, connections, shapes, weights."""

import math
from collections import Counter
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from dance_tf.report.figures.style import GRAY, INK, PALETTE, new_figure, report_style

BOX_HEIGHT, STEP = 0.5, 0.72  # inches: height of a box, distance between boxes
GLYPH = 0.40  # inches: side of a 128 × 128 feature map
PLAIN = "#F1F1F1"


@dataclass
class DrawnLayer:
    """A box of the diagram."""

    name: str  # with spaces
    kind: str  # its class
    activation: str  # empty if it is linear or absent
    inside: str  # classes of its sublayers with their counts; empty for a layer of Keras
    shape: tuple[int | None, ...]  # of its output without the batch: (height, width, channels) or (n,)
    weights: int  # their number
    parents: list[int] = field(default_factory=list)  # positions of the layers that it reads
    row: int = 0  # number of layers before it on the longest path from the input
    lane: float = 0.0  # horizontal position; 0 is the middle


def read_layers(model: object) -> list[DrawnLayer]:
    """Return the layers of a functional Keras model in order of computation, placed in rows and lanes.

    A layer with sublayers (a stage of the CNN path) is one box that lists them.

    Raises:
        ValueError: the model is not functional, so the connections between its layers are unknown.
    """
    places = {id(layer): place for place, layer in enumerate(model.layers)}
    found = []
    for layer in model.layers:
        if not layer._inbound_nodes:
            raise ValueError(f"the layer {layer.name} is not part of a functional model")
        node = layer._inbound_nodes[0]
        activation = getattr(getattr(layer, "activation", None), "__name__", "")
        inside = Counter(type(part).__name__ for part in getattr(layer, "_layers", ()))
        found.append(
            DrawnLayer(
                name=layer.name.replace("_", " "),
                kind=type(layer).__name__,
                activation="" if activation == "linear" else activation,
                inside=" + ".join(f"{count} {kind}" if count > 1 else kind for kind, count in inside.items()),
                shape=tuple(node.output_tensors[0].shape[1:]),
                weights=int(layer.count_params()),
                parents=[places[id(tensor._keras_history.operation)] for tensor in node.input_tensors],
            )
        )
    children = Counter(parent for layer in found for parent in layer.parents)
    taken: Counter[int] = Counter()
    for layer in found:
        if not layer.parents:
            continue
        layer.row = 1 + max(found[parent].row for parent in layer.parents)
        layer.lane = sum(found[parent].lane for parent in layer.parents) / len(layer.parents)
        parent = layer.parents[0]
        if len(layer.parents) == 1 and children[parent] > 1:
            layer.lane += taken[parent] - (children[parent] - 1) / 2
        taken[parent] += 1
    return found


@report_style
def network_diagram(model: object, title: str) -> Figure:
    """Draw a network from its model object: layers, connections, output shapes and numbers of weights.

    The glyph in each box shows its output: a stack of feature maps or a bar for a vector. The figure shows no footage,
    so save it with `Picture(..., on_data=False)`.

    Args:
        model: a functional `keras.Model`.
    """
    layers = read_layers(model)
    lanes = [layer.lane for layer in layers]
    count = math.ceil(max(lanes) - min(lanes)) + 1
    pitch = 5.0 if count <= 2 else 4.6
    width, rows = max(count * pitch, 7.0), max(layer.row for layer in layers) + 1
    figure = new_figure(rows * STEP + 0.75, f"{title}: {model.count_params():,} weights", width=width)
    axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(-rows * STEP, 0), aspect="equal", anchor="N")
    axes.set_axis_off()
    middle = (max(lanes) + min(lanes)) / 2
    centres = [(width / 2 + (layer.lane - middle) * pitch, -(layer.row + 0.5) * STEP) for layer in layers]
    learning = list(dict.fromkeys(layer.kind for layer in layers if layer.weights))
    for layer, (x, y) in zip(layers, centres, strict=True):
        for parent in layer.parents:
            _arrow(axes, centres[parent], (x, y))
        colour = PALETTE[learning.index(layer.kind) % len(PALETTE)] if layer.weights else GRAY
        _box(axes, layer, x, y, pitch - 0.3, colour)
    return figure


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between the centres of two boxes."""
    bottom, top = start[1] - BOX_HEIGHT / 2, end[1] + BOX_HEIGHT / 2
    turn = top + (STEP - BOX_HEIGHT) * 0.6  # just above the lower box, where nothing else is drawn
    xs, ys = [start[0], start[0], end[0], end[0]], [bottom, turn, turn, top + 0.08]
    axes.plot(xs, ys, color=GRAY, linewidth=1.2, solid_joinstyle="round", zorder=0)
    axes.plot(end[0], top + 0.05, marker="v", color=GRAY, markersize=5, zorder=0)


def _box(axes: Axes, layer: DrawnLayer, x: float, y: float, width: float, colour: str) -> None:
    left, right = x - width / 2, x + width / 2
    face = to_rgb(colour if layer.weights else PLAIN)
    light = [0.84 + 0.16 * channel for channel in face]  # opaque, so that arrows end at the box
    look = {"boxstyle": "round,pad=0,rounding_size=0.06", "facecolor": light, "edgecolor": colour, "linewidth": 1.2}
    axes.add_patch(FancyBboxPatch((left, y - BOX_HEIGHT / 2), width, BOX_HEIGHT, **look))
    _glyph(axes, layer.shape, left + 0.34, y, colour)
    text = {"va": "center", "color": INK}
    axes.text(left + 0.68, y + 0.1, layer.name, fontsize=10, fontweight="bold", ha="left", **text)
    made_of = ", ".join(filter(None, [layer.inside or layer.kind, layer.activation]))
    axes.text(left + 0.68, y - 0.11, made_of, fontsize=7.6, ha="left", **text)
    size = " × ".join("?" if side is None else str(side) for side in layer.shape)
    axes.text(right - 0.1, y + 0.1, size, fontsize=10, ha="right", **text)
    if layer.weights:
        axes.text(right - 0.1, y - 0.11, f"{layer.weights:,} weights", fontsize=7.6, ha="right", **text)


def _glyph(axes: Axes, shape: tuple[int | None, ...], x: float, y: float, colour: str) -> None:
    """Draw feature maps as a stack of squares, a vector as a bar; sizes on a logarithmic scale."""
    known = [side or 1 for side in shape]
    if len(known) < 3:
        length = 0.08 + 0.36 * min(math.log2(max(known[-1], 1)) / 11, 1)
        axes.add_patch(Rectangle((x - length / 2, y - 0.04), length, 0.08, facecolor=colour, edgecolor="none"))
        return
    height, depth = known[-3], known[-1]
    side = 0.06 + (GLYPH - 0.06 - 0.08) * min(math.log2(max(height, 1)) / 7, 1)
    sheets = 1 + round(math.log2(max(depth, 1)))
    shift = min(0.018 * 5, 0.015 * (sheets - 1)) / max(sheets - 1, 1)
    for sheet in range(sheets):
        offset = (sheet - (sheets - 1) / 2) * shift
        corner = (x - side / 2 - offset, y - side / 2 + offset)
        axes.add_patch(Rectangle(corner, side, side, facecolor="white", edgecolor=colour, linewidth=0.8, zorder=3))
