import os
from pathlib import Path
from unittest import mock

import pytest

from dance_tf.video.catalog import CatalogError, Clip, Refusal, clips_at, find_clips

SINGLE_IMAGE = "a single image among videos"
NO_CLIPS_HERE = "at a place where the layout has no clips"


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def labels(catalog):
    return {clip.clip_id: (clip.style, clip.dancer) for clip in catalog.clips}


def refused(catalog, root):
    return {refusal.path.relative_to(root).as_posix(): refusal.reason for refusal in catalog.refused}


def test_manifest(tmp_path):
    touch(tmp_path, "a.mp4", "deep/b.mov", "seq/0001.png", "not_listed.mp4")
    (tmp_path / "manifest.csv").write_text(
        "\ufeffPath,style,dancer,source,consent,extra\na.mp4,Tok,d1,phone,yes,x\ndeep/b.mov,BL,,,,\n\nseq,BL,d2,,,\n",
        "utf-8",
    )
    for footage in (tmp_path, tmp_path / "manifest.csv"):
        catalog = find_clips(footage)
        assert catalog.layout == "manifest" and catalog.refused == ()
        assert catalog.clips[0] == Clip(tmp_path / "a.mp4", "Tok", "d1", "a", "phone", "yes")
        assert catalog.notes == ("manifest.csv: columns that are not read: extra",)
        assert labels(catalog) == {"a": ("Tok", "d1"), "deep/b": ("BL", ""), "seq": ("BL", "d2")}


def test_faulty_rows_of_a_manifest_are_refused_one_by_one(tmp_path):
    touch(tmp_path, "a.mp4", "empty/notes.txt")
    rows = ["a.mp4,Tok", "a.mp4,BL", "b.mp4,Tok", ",Tok", "empty,Tok", f"{'x' * 300}.mp4,Tok"]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,style", *rows]))
    catalog = find_clips(tmp_path)
    assert set(labels(catalog)) == {"a"}
    assert [refusal.reason for refusal in catalog.refused] == [
        "line 5: no path: ',Tok'",
        "line 3: listed twice in manifest.csv",
        "line 4: listed in manifest.csv, but there is no such file",
        "line 6: a folder without images",
        "line 7: cannot be read (File name too long)",
    ]


@pytest.mark.parametrize(
    ("name", "manifest", "message"),
    [
        ("", b"file,label\na.mp4,Tok\n", "no column path and no column style"),
        ("", b"", "no column path"),
        ("", b"path,style\n\xff\xfe.mp4,Tok\n", "not a CSV file in UTF-8"),
        ("absent", None, "no such file"),
        ("", None, "no clips found"),
        ("x" * 300, None, "too long"),
    ],
)
def test_no_clip_or_an_unusable_manifest_is_one_clear_line(tmp_path, name, manifest, message):
    if manifest is not None:
        (tmp_path / "manifest.csv").write_bytes(manifest)
    with pytest.raises(CatalogError, match=message) as caught:
        find_clips(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_folders_of_styles(tmp_path):
    touch(tmp_path, "Tok/ann_1.mp4", "Tok/bob/1.mp4", "Tok/bob/2.MOV", "Tok/solo.mp4", "BL/ann_x/01.jpg")
    touch(tmp_path, "BL/cy/t/1.png", "Tok/.hidden.mp4", "Tok/notes.txt", "stray.mp4", "BL/thing.xyz")
    touch(tmp_path, "Tok/bob/cover.jpg", "Tok/bob/deep/2.mp4", "Tok/bob/deep/er/3.mp4")
    # a video with a rare extension beside its cover is not an image sequence, but images beside an unknown file are
    touch(tmp_path, "BL/dee/tape.MOD", "BL/dee/cover.jpg", "BL/eve_1/1.png", "BL/eve_1/checksums")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "styles"
    assert labels(catalog) == {
        "BL/ann_x": ("BL", "ann"),
        "BL/cy/t": ("BL", "cy"),
        "BL/dee/tape": ("BL", "dee"),
        "BL/eve_1": ("BL", "eve"),
        "BL/thing": ("BL", ""),  # the decoder will find out whether it is a video
        "Tok/ann_1": ("Tok", "ann"),
        "Tok/bob/1": ("Tok", "bob"),
        "Tok/bob/2": ("Tok", "bob"),
        "Tok/solo": ("Tok", ""),
    }
    assert refused(catalog, tmp_path) == {
        "stray.mp4": "lies outside the folder of any style",
        "BL/dee/cover.jpg": SINGLE_IMAGE,
        "Tok/bob/cover.jpg": SINGLE_IMAGE,
        "Tok/bob/deep/2.mp4": NO_CLIPS_HERE,
        "Tok/bob/deep/er/3.mp4": NO_CLIPS_HERE,
    }


def test_images_of_several_clips_in_a_folder_are_several_clips(tmp_path):
    folder = touch(tmp_path, *(f"{name}_{number}.png" for name in ("a_1", "b.c") for number in (1, 2, 10)))
    catalog = find_clips(folder)
    assert (catalog.layout, set(labels(catalog)), catalog.refused) == ("loose", {"a_1", "b.c"}, ())
    assert clips_at(folder) == ([folder / "a_1_*", folder / "b.c_*"], [])
    (tmp_path / "manifest.csv").write_text("path,style\n.,Tok\nb.c_*,Tok\nc_*,BL\n")
    catalog = find_clips(folder)
    assert labels(catalog) == {"b.c": ("Tok", "")}
    assert [one.reason for one in catalog.refused] == [
        "line 2: holds the images of 2 clips: list each, such as a_1_*",
        "line 4: listed in manifest.csv, but there is no such file",
    ]


def test_a_poster_beside_folders_of_clips_hides_none_of_them(tmp_path):
    names = ["poster.jpg", "Tok/cover.jpg", "Tok/bob/cover.png", "Tok/bob/1.mp4", "BL/ann/1.mp4", "BL/cy/1.jpg"]
    catalog = find_clips(touch(tmp_path, *names, "BL/cy/late/2.mp4"))
    assert labels(catalog) == {"Tok/bob/1": ("Tok", "bob"), "BL/ann/1": ("BL", "ann")}
    assert set(refused(catalog, tmp_path)) == {*names[:3], "BL/cy/1.jpg", "BL/cy/late/2.mp4"}


def test_loose_clips_have_no_labels_and_may_have_any_extension(tmp_path):
    names = ["a.dv", "b.MOD", "c.f4v", "d.mpe", "e.divx", "f.insv", "g.rmvb", "h.unheard", "bare", "one.mp4"]
    side_files = ["n.txt", "n.csv", "n.json", "n.md", "n.pdf", "n.nfo", "n.xlsx", ".DS_Store", "Thumbs.db"]
    touch(tmp_path, *names, *side_files, "photo.jpg", "photo.HEIC", "frames/0001.png")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "loose" and set(labels(catalog).values()) == {("", "")}
    assert [clip.path.name for clip in catalog.clips] == sorted([*names, "frames"])
    assert refused(catalog, tmp_path) == {"photo.jpg": SINGLE_IMAGE, "photo.HEIC": SINGLE_IMAGE}


def test_a_folder_of_documents_beside_clips_is_not_a_style(tmp_path):
    touch(tmp_path, "one.mp4", "two.mp4", "papers/a.pdf", "papers/LICENSE")
    catalog = find_clips(tmp_path)
    assert (catalog.layout, set(labels(catalog))) == ("loose", {"one", "two"})
    assert refused(catalog, tmp_path) == {"papers/LICENSE": NO_CLIPS_HERE}
    touch(tmp_path, "Tok/ann/1.mp4")
    assert find_clips(tmp_path).layout == "styles"


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["Tok/ann_1.mp4", "Tok/ann_1.mov"], {"Tok/ann_1.mp4", "Tok/ann_1.mov"}),
        # a file with a rare extension does not change the id of the video beside it
        (["Tok/a.mp4", "Tok/a.xyz", "Tok/a.lrv", "Tok/a.xmp"], {"Tok/a", "Tok/a.xyz", "Tok/a.lrv"}),
        # an id with an extension may be that of another file
        (["a.mp4", "a.mov", "a.mp4.avi"], {"a.mp4.mp4", "a.mov", "a.mp4.avi"}),
    ],
)
def test_names_that_differ_only_in_extension_get_different_ids(tmp_path, names, ids):
    assert set(labels(find_clips(touch(tmp_path, *names)))) == ids


@pytest.mark.parametrize("nested", ["", "TikTok_dataset/"])
def test_tiktok_layout(tmp_path, nested):
    touch(tmp_path, *(f"TikTok_dataset/{nested}00007/{kind}/0001.png" for kind in ("images", "masks", "densepose")))
    videos = f"TikTok_Raw_Videos/{nested and 'TikTok_Raw_Videos/'}"
    touch(tmp_path, f"{videos}seq_1_2/x.mp4", f"{videos}seq_3_4/y.mp4", f"{videos}seq_3_4/dance_name.txt")
    (tmp_path / f"{videos}seq_1_2/dance_name.txt").write_text("Say So\n")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "tiktok" and catalog.refused == ()
    styles = {clip.clip_id.split("/")[-1]: (clip.path.name, clip.style) for clip in catalog.clips}
    assert styles == {"00007": ("images", ""), "x": ("x.mp4", "Say So"), "y": ("y.mp4", "")}
    assert all(clip.dancer == "" for clip in catalog.clips)


def test_other_files_in_the_tiktok_layout_are_refused(tmp_path):
    touch(tmp_path, "TikTok_dataset/00007/images/1.png", "TikTok_Raw_Videos/seq_1_2/x.mp4", "TikTok_dataset/x.mp4")
    touch(tmp_path, "TikTok_Raw_Videos/loose.mp4", "TikTok_Raw_Videos/seq_1_2/deep/z.mp4", "other/y.mp4", "top.mov")
    touch(tmp_path, "TikTok_dataset/00007/extra.png", "TikTok_dataset/00008/pictures/1.png", "photo.jpg")
    (tmp_path / "other" / "back").symlink_to(tmp_path)
    catalog = find_clips(tmp_path)
    assert set(labels(catalog)) == {"TikTok_Raw_Videos/seq_1_2/x", "TikTok_dataset/00007"}
    folder = "a folder at a place where the layout has no clips"
    assert refused(catalog, tmp_path) == {
        "TikTok_Raw_Videos/loose.mp4": NO_CLIPS_HERE,
        "TikTok_Raw_Videos/seq_1_2/deep/z.mp4": NO_CLIPS_HERE,
        "TikTok_dataset/00007/extra.png": SINGLE_IMAGE,
        "TikTok_dataset/00008/pictures": folder,
        "TikTok_dataset/x.mp4": NO_CLIPS_HERE,
        "other/back": folder,
        "other/y.mp4": NO_CLIPS_HERE,
        "photo.jpg": SINGLE_IMAGE,
        "top.mov": NO_CLIPS_HERE,
    }


def test_official_splits(tmp_path):
    touch(tmp_path, "train/Garba/1.mp4", "val/Garba/2.mp4", "test/Raas/1.mp4", "train.csv", "val.csv")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "splits" and catalog.refused == ()
    found = {(clip.clip_id, clip.style, clip.split) for clip in catalog.clips}
    assert found == {
        ("train/Garba/1", "Garba", "train"),
        ("val/Garba/2", "Garba", "validation"),
        ("test/Raas/1", "Raas", "test"),
    }
    assert all((clip.dancer, clip.source) == ("", "") for clip in catalog.clips)
    touch(tmp_path, "extra.mp4", "val/loose.mp4", "train/Garba/deep/3.mp4", "other/y.mp4", "other/seq/1.png")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "splits" and len(catalog.clips) == 4
    assert labels(catalog)["train/Garba/deep/3"] == ("Garba", "deep")
    others = {"extra.mp4", "other/seq", "other/y.mp4", "val/loose.mp4"}
    assert set(refused(catalog, tmp_path)) == others


def test_what_lies_outside_the_folder_of_splits_is_refused(tmp_path):
    names = ["data/v1/train/Garba/ann_1.mp4", "data/v1/test/Garba/bo_1.mp4", "data/v1/extra/x.unheard"]
    catalog = find_clips(touch(tmp_path, *names, "cover.jpg", "data/y.unheard", "data/notes.txt"))
    assert {clip.clip_id: clip.split for clip in catalog.clips} == {names[0][:-4]: "train", names[1][:-4]: "test"}
    assert set(refused(catalog, tmp_path)) == {"cover.jpg", "data/y.unheard", "data/v1/extra/x.unheard"}


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_one_bad_entry_is_refused_and_the_rest_is_found(tmp_path):
    touch(tmp_path, "Tok/ann_1.mp4", "BL/ann_1.mp4")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    catalog = find_clips(tmp_path)
    assert (catalog.layout, set(labels(catalog))) == ("styles", {"Tok/ann_1", "BL/ann_1"})
    assert list(refused(catalog, tmp_path)) == ["gone", "loop.mp4", "pipe"]


@pytest.mark.parametrize("folder", ["Tok", "TikTok_Raw_Videos/seq_1_2", "train/Garba"])
def test_only_a_folder_that_cannot_be_listed_is_refused(folder, tmp_path, monkeypatch):
    touch(tmp_path, f"{folder}/ann_1.mp4", f"{folder}/closed/1.mp4")
    iterdir, closed = Path.iterdir, mock.Mock(side_effect=PermissionError(13, "Permission denied"))
    monkeypatch.setattr(Path, "iterdir", lambda path: (closed if path.name == "closed" else iterdir)(path))
    catalog = find_clips(tmp_path)
    assert [clip.path.name for clip in catalog.clips] == ["ann_1.mp4"]
    assert [refusal.path.name for refusal in catalog.refused] == ["closed"]


def test_a_path_is_a_folder_of_clips_or_one_clip(tmp_path):
    touch(tmp_path, "class/a.mp4", "class/b.mov", "class/odd.jpg", "seq/0001.png", "none/notes.txt")
    folder = tmp_path / "class"
    odd = Refusal(folder / "odd.jpg", SINGLE_IMAGE)
    assert clips_at(folder) == ([folder / "a.mp4", folder / "b.mov"], [odd])
    for single in (folder / "a.mp4", tmp_path / "seq", tmp_path / "missing.mp4"):
        assert clips_at(single) == ([single], [])
    for single in (folder / "a.mp4", tmp_path / "seq"):
        assert find_clips(single).clips == (Clip(single, clip_id=single.stem),)
    found, [refusal] = clips_at(tmp_path / "none")
    assert (found, refusal.path) == ([], tmp_path / "none")
    assert refusal.reason.startswith("no clips found; expected manifest.csv")


def test_shared_clips_are_found(shared_data):
    assert len(find_clips(shared_data / "ballroom").clips) == 59
    real = find_clips(shared_data / "real_clips")
    assert (real.layout, len(real.clips), real.refused) == ("loose", 5, ())
