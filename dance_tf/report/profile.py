"""A profile: one flat YAML file of notebook parameters, held against the notebooks' parameters cells."""

import ast
from collections.abc import Mapping
from pathlib import Path

import nbformat
import yaml

# given to the notebooks by the run itself, so a profile cannot set them
GIVEN = ("run_folder", "profile")


class RunError(RuntimeError):
    """A run that cannot go on; the message is one line that says where and why."""


def read_profile(profile: Path) -> dict[str, object]:
    """The parameters of a profile.

    Raises:
        RunError: there is no such file, or it is not a flat list of `name: value`.
    """
    if not profile.is_file():
        known = ", ".join(sorted(path.stem for path in profile.parent.glob("*.yaml"))) or "none"
        raise RunError(f"there is no profile {profile.name} in {profile.parent.name}/; there are: {known}")
    try:
        parameters = yaml.safe_load(profile.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise RunError(f"{profile.name} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(parameters, dict) or any(isinstance(value, dict) for value in parameters.values()):
        raise RunError(f"{profile.name} must be a flat list of `name: value`")
    return parameters


def defaults_of(notebook: Path) -> dict[str, object]:
    """What a notebook's parameters cell sets: name to default; a default that is no literal is left as its text.

    Raises:
        RunError: the notebook cannot be read or has no parameters cell.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise RunError(f"{notebook.name} cannot be read: {str(error).splitlines()[0]}") from error
    found = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(found) != 1:
        raise RunError(f"{notebook.name} has {len(found)} parameters cells, it needs one")
    defaults = {}
    for line in ast.parse(found[0].source).body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
            defaults[line.target.id] = _literal(line.value)
        elif isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            defaults[line.targets[0].id] = _literal(line.value)
    return defaults


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def check_profile(parameters: Mapping[str, object], defaults: Mapping[str, Mapping[str, object]], name: str) -> None:
    """Holds a profile against the notebooks' parameters cells, as papermill only warns.

    Args:
        parameters: the profile.
        defaults: notebook to what its parameters cell sets.
        name: the profile's file name, for the message.

    Raises:
        RunError: a key that no notebook has, that the run itself gives, or whose value is of another kind than the
            default: YAML reads `1e-3` as text, for one.
    """
    known = {key for cell in defaults.values() for key in cell}
    if unknown := sorted(set(parameters) - known):
        raise RunError(f"{name}: no notebook has the parameter {', '.join(unknown)}")
    if given := sorted(set(parameters) & set(GIVEN)):
        raise RunError(f"{name}: {', '.join(given)} is set by the run itself, not by a profile")
    for notebook, cell in defaults.items():
        for key in set(cell) & set(parameters):
            if not _fits(parameters[key], cell[key]):
                wanted, got = type(cell[key]).__name__, type(parameters[key]).__name__
                raise RunError(f"{name}: {key} is {parameters[key]!r} ({got}), but {notebook} wants {wanted}")


def _fits(value: object, default: object) -> bool:
    if value is None or default is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return type(value) is type(default)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))
