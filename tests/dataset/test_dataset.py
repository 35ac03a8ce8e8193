import dataclasses

import numpy as np
import pytest

from dance_tf.dataset.arrays import gather
from dance_tf.dataset.dataset import order_styles


def test_frames_know_their_clip_style_and_dancer(clips, dataset):
    assert dataset.styles == ("style0", "style1", "style2")
    start = 0
    for number, curated in enumerate(clips):
        stop = start + len(curated.frames)
        np.testing.assert_array_equal(dataset.frames[start:stop], curated.frames)
        assert (dataset.clip_index[start:stop] == number).all()
        assert {dataset.styles[label] for label in dataset.labels[start:stop]} == {curated.clip.style}
        assert dataset.dancers[number] == curated.clip.dancer
        start = stop
    assert start == len(dataset.frames) == len(dataset.timestamps)


@pytest.mark.parametrize(
    ("rate", "reading"),
    [(30, np.arange(60)), (30, np.arange(0, 60, 3)), (30, np.flatnonzero(np.arange(60) % 5 != 4)), (1001, [0, 5, 9])],
    ids=["all frames", "10 of 30", "24 of 30", "no gap at all"],
)
def test_segments_end_where_frames_were_left_out(clips, rate, reading):
    dropped = np.array([3, 4, 12]) if len(reading) > 13 else np.array([], int)
    kept = np.delete(np.arange(len(reading)), dropped)
    curated = dataclasses.replace(
        clips[0],
        frames=np.zeros((len(kept), 128, 128, 1), np.uint8),
        timestamps=np.asarray(reading)[kept] / rate,
        seen=len(reading),
        seconds=60 / rate,
    )
    dataset = gather([curated, curated])
    one = np.searchsorted([5, 13], kept, side="right") if len(dropped) else np.zeros(len(kept), int)
    np.testing.assert_array_equal(dataset.segments, np.concatenate([one, one + one[-1] + 1]))


def test_counts_add_up_by_style(dataset):
    # clips 0 to 3 have 6, 7, 8, 6 frames, clips 4 to 7 have 7, 8, 6, 7, clips 8 to 11 have 8, 6, 7, 8
    assert dataset.counts() == {
        "style0": {"kept": 27, "seen": 35, "clips": 4, "blank": 8},
        "style1": {"kept": 28, "seen": 36, "clips": 4, "blank": 8},
        "style2": {"kept": 29, "seen": 37, "clips": 4, "blank": 8},
    }


def test_the_content_hash_feels_every_part(clips, dataset):
    def changed(**parts):
        return dataclasses.replace(dataset, **parts).content_hash

    frames = dataset.frames.copy()
    frames[-1, 0, 0, 0] ^= 1
    backgrounds = dataset.backgrounds.copy()
    backgrounds[0, 0, 0, 0] ^= 1
    clip = dataclasses.replace(dataset.clips[0], dancer="another")
    hashes = {
        dataset.content_hash,
        changed(frames=frames),
        changed(backgrounds=backgrounds),
        changed(timestamps=dataset.timestamps + 1e-9),
        changed(clips=(clip, *dataset.clips[1:])),
        changed(styles=dataset.styles[::-1]),
    }
    assert len(hashes) == 6
    assert gather(clips).content_hash == dataset.content_hash


def test_known_labels_keep_their_order_and_others_follow_by_name():
    known = ("Tok", "TDS", "BL")
    assert order_styles({"BL", "Tok", "zeta", "alpha"}, known) == ("Tok", "BL", "alpha", "zeta")
    assert order_styles({"b", "a"}) == ("a", "b")


def test_clips_are_known_by_their_pictures_alone(blob_clips):
    clips = blob_clips(styles=2, dancers=2, frames=2)
    dataset = gather(clips)
    assert len(set(dataset.clip_hashes)) == 4
    named = dataclasses.replace(
        clips[3], clip=dataclasses.replace(clips[3].clip, dancer="ann", clip_id="a", style="style0")
    )
    assert gather([clips[1], named]).clip_hashes == (dataset.clip_hashes[1], dataset.clip_hashes[3])
    changed = clips[2].frames.copy()
    changed[0, 0, 0, 0] ^= 1
    assert gather([dataclasses.replace(clips[2], frames=changed)]).clip_hashes[0] != dataset.clip_hashes[2]


SHARD = "dance_clips-clips.tfrecord-00001-of-00002"


def cut(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def emptied(content):
    return b""


def refused(folder, name, damage):
    """The line about a file, with what went wrong cut out; the whole dataset could be opened before."""
    assert open_dataset(folder).clips
    path = folder / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DatasetError) as raised:
        open_dataset(folder)
    line = str(raised.value)
    assert "\n" not in line and "{{" not in line and "[Op:" not in line
    return line


@pytest.mark.parametrize("damage", [cut, emptied, None])
@pytest.mark.parametrize("name", ["frames.raw", "rooms.npy", "timestamps.npy", "dataset.json"])
def test_arrays_that_are_damaged_are_named(name, damage, tmp_path, blob_clips):
    folder = write_arrays(tmp_path / "arrays", blob_clips(styles=2, dancers=2, frames=2))
    line = refused(folder, name, damage)
    if (name, damage) == ("dataset.json", None):
        assert line.startswith(f"{folder} holds no dataset: make one with ")
    elif name == "frames.raw" and damage:
        assert line.startswith(f"{folder / name} does not hold the 11 frames of dataset.json")
    else:
        assert line.startswith(f"{folder / name} cannot be read (")
        assert line.endswith("): make the dataset again, with `curate` or `synthesize --arrays`")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((SHARD, damage) for damage in (cut, flipped, emptied, None)),
        *((name, damage) for name in ("features.json", "dataset_info.json") for damage in (cut, emptied, None)),
        *(("summary.json", damage) for damage in (cut, emptied)),
    ],
)
def test_a_store_that_is_damaged_is_refused_by_the_name_of_the_file(name, damage, tmp_path, blob_clips):
    folder = write_store(tmp_path / "store", blob_clips(styles=2, dancers=2, frames=2), clips_per_shard=2)
    line = refused(folder, name, damage)
    assert line.startswith(f"{folder / name} cannot be read (")
    assert line.endswith("): make the dataset again, with `curate` or `synthesize --arrays`")


def test_want_of_memory_is_no_damage(tmp_path):
    with pytest.raises(MemoryError), name_damaged_file(tmp_path):
        raise MemoryError
    with (
        pytest.raises(DatasetError, match="x.npy cannot be read .KeyError.: make"),
        name_damaged_file(tmp_path / "x.npy"),
    ):
        raise KeyError
