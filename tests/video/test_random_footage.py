"""Random folder trees and manifests, valid and broken: every clip is read with its labels or named with a reason."""

import csv
import io
import random

import pytest

from dance_tf.video.catalog import CatalogError, find_clips

STYLES = ["salsa", "Cha Cha", "Tango Argentino", "ポップ", "break"]
DANCERS = ["anna", "Zoë", "Smith, Ben", "d04", "O'Neil", "李"]
SPELLED = {"train": ["train", "Train", "TRAINING"], "validation": ["val", "Valid", "dev"], "test": ["test", "Testing"]}


def check(root, expected, named):
    """Compare the catalog with the expected labels, and with the number of refusals that name each other file."""
    try:
        catalog = find_clips(root)
    except CatalogError:
        assert not expected and not named
        return
    found = {clip.path: (clip.style, clip.dancer, clip.split) for clip in catalog.clips}
    assert found == expected
    assert len(found) == len(catalog.clips) == len({clip.clip_id for clip in catalog.clips})
    reasons = [f"{one.path.name} {one.reason}" for one in catalog.refused]
    assert len(reasons) == len(named) and all(any(name in reason for reason in reasons) for name in named)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize("seed", range(60))
def test_random_trees(seed, tmp_path):
    generator = random.Random(seed)
    splits = generator.random() < 0.5
    expected, named = {}, []
    tops = {part: generator.choice(names) for part, names in SPELLED.items()} if splits else {"": "."}
    for number in range(generator.randint(4, 20)):
        part = generator.choice(list(tops)) if number > 2 else list(tops)[number % len(tops)]
        style, dancer = generator.choice(STYLES), generator.choice(DANCERS)
        folder = tmp_path / tops[part] / style
        extension = generator.choice([".mp4", ".MOV", ".avi"])
        form, separator = generator.choice(["name", "folder", "unknown", "style"]), generator.choice("_-")
        if form == "name":
            path = folder / f"{dancer}{separator}{number}{extension}"
        elif form == "folder":
            path = folder / dancer / f"take {number}{extension}"
        else:
            path, dancer = folder / (f"{style}_{number}{extension}" if form == "style" else f"{number}{extension}"), ""
        expected[touch(path)] = (style, dancer, part)
        if generator.random() < 0.3:  # what is no clip, beside it
            name = f"stray {number}"
            where = generator.choice([folder / f"{name}.jpg", folder / "x" / "y" / f"{name}.mp4"])
            touch(where)
            named.append(name)
        if generator.random() < 0.3:
            touch(folder / f"notes {number}.txt")
    check(tmp_path, expected, named)


def broken(generator, line, number, cells, delimiter):
    """Return a broken form of a row that names its clip."""
    return generator.choice(
        [
            line + delimiter + "more",
            delimiter.join(cells[:2]),
            f'{cells[0]}{delimiter}"{cells[1]}{delimiter}x{delimiter}train',
            f'{cells[0]}{delimiter}"salsa"x{delimiter}x{delimiter}train',
            f"{cells[0]}{delimiter}sal\x00\x01sa{delimiter}x{delimiter}train".replace("\x00", ""),
            f"{cells[0]}{delimiter}salsa{delimiter}x{delimiter}third part",
            f"absent {number}.mp4{delimiter}salsa{delimiter}x{delimiter}train",
        ]
    )


@pytest.mark.parametrize("seed", range(120))
def test_random_manifests(seed, tmp_path):
    generator = random.Random(seed)
    delimiter, end = generator.choice(",;\t"), generator.choice(["\n", "\r\n", "\r"])
    lines, expected, named = [delimiter.join(["path", "Style", "dancer", "split"])], {}, []
    for number in range(generator.randint(1, 12)):
        path = touch(tmp_path / f"{generator.choice(['a', 'b c', 'ü'])}" / f"clip {number}.mp4")
        part = generator.choice(list(SPELLED))
        labels = generator.choice([*STYLES, ""]), generator.choice([*DANCERS, ""])
        written = str(path.relative_to(tmp_path)).replace("/", generator.choice(["/", "\\"]))
        cells = [written, *labels, generator.choice(SPELLED[part])]
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, quoting=generator.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerow(
            cells
        )
        line = text.getvalue().strip("\r\n")
        if generator.random() < 0.4:
            lines.append(broken(generator, line, number, cells, delimiter))
            named.append(f"line {len(lines)}: ")
        else:
            lines.append(line)
            expected[path] = (*labels, part)
        lines += [""] * generator.randint(0, 1)
    encoding = generator.choice(["utf-8", "utf-8-sig", "utf-16"])
    manifest = tmp_path / generator.choice(["manifest.csv", "Manifest.CSV"])
    manifest.write_bytes(end.join(lines).encode(encoding))
    check(tmp_path, expected, named)
