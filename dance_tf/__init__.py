"""Dance style, fidelity and drift from a clip of one dancer, with numbers that can be believed."""

__version__ = "0.1.0"
