"""How clips were read and curated, as JSON: a model reads new clips as those that it learnt from."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from dance_tf.footage.curation import CurationSettings
from dance_tf.footage.settings import ReadSettings

OF_THE_MACHINE = ("threads", "limits")  # what a clip may cost is whoever reads it to say


def reading_to_json(read: ReadSettings, curation: CurationSettings) -> dict[str, dict[str, Any]]:
    """What of the settings decides the frames, in the types of JSON; `reading_from_json` reads it back."""
    chosen = {name: value for name, value in asdict(read).items() if name not in OF_THE_MACHINE}
    return {"read": chosen, "curation": asdict(curation)}


def reading_from_json(reading: Mapping[str, Any] | None) -> tuple[ReadSettings, CurationSettings]:
    """The settings that `reading_to_json` was given; the defaults for None and for what is not there.

    Names that are no setting (any more) are passed over.
    """
    told = reading or {}
    return tuple(
        kind(**{field.name: part[field.name] for field in fields(kind) if field.name in part})
        for kind, part in ((ReadSettings, told.get("read", {})), (CurationSettings, told.get("curation", {})))
    )
