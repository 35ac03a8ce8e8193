import os
from pathlib import Path

import pytest

from dance_tf.video.catalog import CatalogError, Clip, Refusal, clips_at, find_clips


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def listed(catalog):
    return {clip.clip_id: (clip.style, clip.dancer) for clip in catalog.clips}


def test_a_manifest_says_it_all(tmp_path):
    touch(tmp_path, "a.mp4", "deep/b.mov", "seq/0001.png")
    (tmp_path / "manifest.csv").write_text(
        "﻿Path,style,dancer,source,consent,extra\na.mp4,Tok,d1,phone,yes,x\ndeep/b.mov,BL,,,,\n\nseq,BL,d2,,,\n", "utf-8"
    )
    catalog = find_clips(tmp_path)
    assert catalog.layout == "manifest" and catalog.refused == ()
    assert catalog.clips[0] == Clip(tmp_path / "a.mp4", "Tok", "d1", "a", "phone", "yes")
    # nobody named: danced by someone of its own
    assert listed(catalog) == {"a": ("Tok", "d1"), "deep/b": ("BL", "deep/b"), "seq": ("BL", "d2")}


def test_faulty_rows_of_a_manifest_are_refused_one_by_one(tmp_path):
    touch(tmp_path, "a.mp4", "empty/notes.txt")
    (tmp_path / "manifest.csv").write_text("path,style\na.mp4,Tok\na.mp4,BL\nb.mp4,Tok\n,Tok\nempty,Tok\n")
    catalog = find_clips(tmp_path)
    assert [clip.clip_id for clip in catalog.clips] == ["a"]
    reasons = [refusal.reason for refusal in catalog.refused]
    assert [any(word in reason for reason in reasons) for word in ("twice", "no such file", "without a path", "images")]
    assert len(reasons) == 4


def test_a_manifest_without_its_columns_is_one_clear_line(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,label\na.mp4,Tok\n")
    with pytest.raises(CatalogError, match="no column path and no column style") as caught:
        find_clips(tmp_path)
    assert "\n" not in str(caught.value)


def test_folders_of_styles(tmp_path):
    touch(
        tmp_path, "Tok/ann_1.mp4", "Tok/bob/1.mp4", "Tok/bob/2.MOV", "Tok/solo.mp4", "BL/ann_x/01.jpg", "BL/cy/t/1.png"
    )
    touch(tmp_path, "Tok/.hidden.mp4", "Tok/notes.txt", "stray.mp4", "BL/thing.xyz", "Tok/bob/cover.jpg")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "styles"
    assert listed(catalog) == {
        "BL/ann_x": ("BL", "ann"),
        "BL/cy/t": ("BL", "cy"),
        "Tok/ann_1": ("Tok", "ann"),
        "Tok/bob/1": ("Tok", "bob"),
        "Tok/bob/2": ("Tok", "bob"),
        "Tok/solo": ("Tok", "Tok/solo"),
        "BL/thing": ("BL", "BL/thing"),  # whether it is a video the decoder will tell
    }
    assert {refusal.path.name: refusal.reason for refusal in catalog.refused} == {
        "stray.mp4": "lies outside the folder of any style",
        "cover.jpg": "a single image among videos",
    }


def test_rare_and_unknown_extensions_are_offered_and_texts_are_not(tmp_path):
    names = ["a.dv", "b.MOD", "c.f4v", "d.mpe", "e.divx", "f.insv", "g.rmvb", "h.unheard", "bare"]
    aside = ["n.txt", "n.csv", "n.json", "n.md", "n.pdf", "n.nfo", "n.xlsx", ".DS_Store", "Thumbs.db"]
    touch(tmp_path, *names, *aside, "photo.jpg", "photo.HEIC")
    catalog = find_clips(tmp_path)
    assert [clip.path.name for clip in catalog.clips] == sorted(names)
    assert {refusal.path.name: refusal.reason for refusal in catalog.refused} == {
        "photo.jpg": "a single image among videos",
        "photo.HEIC": "a single image among videos",
    }


def test_a_rare_video_beside_its_cover_is_no_image_sequence(tmp_path):
    touch(tmp_path, "Tok/bob/tape.MOD", "Tok/bob/cover.jpg", "Tok/ann_1/1.png", "Tok/ann_1/checksums")
    catalog = find_clips(tmp_path)
    assert set(listed(catalog)) == {"Tok/bob/tape", "Tok/ann_1"}
    assert [refusal.path.name for refusal in catalog.refused] == ["cover.jpg"]


def test_a_stray_file_changes_no_id_of_the_video_beside_it(tmp_path):
    touch(tmp_path, "Tok/ann_1.mp4", "Tok/ann_1.xyz", "Tok/ann_1.lrv", "Tok/ann_1.xmp")
    assert set(listed(find_clips(tmp_path))) == {"Tok/ann_1", "Tok/ann_1.xyz", "Tok/ann_1.lrv"}


def test_loose_files_have_no_labels(tmp_path):
    touch(tmp_path, "one.mp4", "two.webm", "frames/0001.png", "README.md")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "loose"
    assert listed(catalog) == {"one": ("", ""), "two": ("", ""), "frames": ("", "")}


def test_one_file_or_one_image_folder_is_one_clip(tmp_path):
    touch(tmp_path, "clip.mp4", "seq/1.png")
    assert find_clips(tmp_path / "clip.mp4").clips == (Clip(tmp_path / "clip.mp4", clip_id="clip"),)
    assert find_clips(tmp_path / "seq").clips == (Clip(tmp_path / "seq", clip_id="seq"),)


@pytest.mark.parametrize("nested", ["", "TikTok_dataset/"])
def test_the_kaggle_layout(tmp_path, nested):
    touch(tmp_path, *(f"TikTok_dataset/{nested}00007/{kind}/0001.png" for kind in ("images", "masks", "densepose")))
    videos = f"TikTok_Raw_Videos/{nested and 'TikTok_Raw_Videos/'}"
    touch(tmp_path, f"{videos}seq_1_2/x.mp4", f"{videos}seq_3_4/y.mp4", f"{videos}seq_3_4/dance_name.txt")
    (tmp_path / f"{videos}seq_1_2/dance_name.txt").write_text("Say So\n")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "tiktok" and catalog.refused == ()
    by_name = {clip.clip_id.split("/")[-1]: clip for clip in catalog.clips}
    assert set(by_name) == {"00007", "x", "y"}
    assert by_name["00007"].path.name == "images"
    assert (by_name["x"].style, by_name["y"].style, by_name["00007"].style) == ("Say So", "", "")
    assert all(clip.dancer == clip.clip_id for clip in catalog.clips)


def test_the_mendeley_layout(tmp_path):
    touch(tmp_path, "train/Garba/Garba_1.mp4", "val/Garba/Garba_2.mp4", "test/Raas/Raas_1.mp4", "train.csv", "val.csv")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "getari" and catalog.refused == ()
    assert {(clip.style, clip.source.split()[-1]) for clip in catalog.clips} == {
        ("Garba", "train"),
        ("Garba", "val"),
        ("Raas", "test"),
    }
    # its class is no dancer
    assert all(clip.dancer == clip.clip_id for clip in catalog.clips)


def assert_every_file_is_told_of(root, catalog):
    """Each file is a clip's, refused, or in a folder that is one of these."""
    told = {clip.path for clip in catalog.clips} | {refusal.path for refusal in catalog.refused}
    files = {path for path in root.rglob("*") if path.is_file()}
    assert {path for path in files if not told & {path, *path.parents}} == set()


def test_what_the_kaggle_layout_does_not_place_is_refused(tmp_path):
    touch(tmp_path, "TikTok_dataset/00007/images/1.png", "TikTok_Raw_Videos/seq_1_2/x.mp4", "TikTok_dataset/x.mp4")
    touch(tmp_path, "TikTok_Raw_Videos/loose.mp4", "TikTok_Raw_Videos/seq_1_2/deep/z.mp4", "other/y.mp4", "top.mov")
    touch(tmp_path, "TikTok_dataset/00007/extra.png", "TikTok_dataset/00008/pictures/1.png", "photo.jpg")
    (tmp_path / "other" / "back").symlink_to(tmp_path)
    catalog = find_clips(tmp_path)
    assert [clip.clip_id for clip in catalog.clips] == ["TikTok_Raw_Videos/seq_1_2/x", "TikTok_dataset/00007"]
    assert [refusal.path.relative_to(tmp_path).as_posix() for refusal in catalog.refused] == [
        "TikTok_Raw_Videos/loose.mp4",
        "TikTok_Raw_Videos/seq_1_2/deep",
        "TikTok_dataset/00007",
        "TikTok_dataset/00008/pictures",
        "TikTok_dataset/x.mp4",
        "other/back",
        "other/y.mp4",
        "photo.jpg",
        "top.mov",
    ]
    assert {refusal.reason for refusal in catalog.refused} == {
        "a folder at a place where the layout has no clips",
        "at a place where the layout has no clips",
        "a single image among videos",
    }
    assert_every_file_is_told_of(tmp_path, catalog)


def test_what_the_mendeley_layout_does_not_place_is_refused(tmp_path):
    touch(tmp_path, "train/Garba/1.mp4", "test/Garba/2.mp4", "extra.mp4", "val/loose.mp4", "train/Garba/deep/3.mp4")
    touch(tmp_path, "other/y.mp4", "other/seq/1.png", "other/seq/2.png")
    catalog = find_clips(tmp_path)
    assert catalog.layout == "getari"
    assert [clip.clip_id for clip in catalog.clips] == ["test/Garba/2", "train/Garba/1"]
    assert [refusal.path.relative_to(tmp_path).as_posix() for refusal in catalog.refused] == [
        "extra.mp4",
        "other/seq",
        "other/y.mp4",
        "train/Garba/deep/3.mp4",
        "val/loose.mp4",
    ]
    assert_every_file_is_told_of(tmp_path, catalog)


def test_what_lies_too_deep_among_styles_is_refused_file_by_file(tmp_path):
    touch(tmp_path, "Tok/bob/1.mp4", "Tok/bob/deep/2.mp4", "Tok/bob/deep/er/3.mp4", "stray.mp4")
    catalog = find_clips(tmp_path)
    assert [refusal.path.name for refusal in catalog.refused] == ["2.mp4", "3.mp4", "stray.mp4"]
    assert_every_file_is_told_of(tmp_path, catalog)


def test_names_that_differ_only_in_extension_stay_apart(tmp_path):
    touch(tmp_path, "Tok/ann_1.mp4", "Tok/ann_1.mov")
    assert set(listed(find_clips(tmp_path))) == {"Tok/ann_1.mp4", "Tok/ann_1.mov"}


def test_three_names_that_differ_in_extensions_stay_apart(tmp_path):
    touch(tmp_path, "a.mp4", "a.mov", "a.mp4.avi")
    assert {clip.path.name: clip.clip_id for clip in find_clips(tmp_path).clips} == {
        "a.mp4": "a.mp4.mp4",
        "a.mov": "a.mov",
        "a.mp4.avi": "a.mp4.avi",
    }


def test_a_folder_of_papers_beside_clips_makes_no_style(tmp_path):
    touch(tmp_path, "one.mp4", "two.mp4", "papers/a.pdf", "papers/LICENSE")
    catalog = find_clips(tmp_path)
    assert (catalog.layout, set(listed(catalog))) == ("loose", {"one", "two"})
    assert [refusal.path.name for refusal in catalog.refused] == ["LICENSE"]
    touch(tmp_path, "Tok/ann/1.mp4")
    assert find_clips(tmp_path).layout == "styles"


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_one_bad_entry_is_refused_and_the_rest_is_found(tmp_path):
    touch(tmp_path, "Tok/ann_1.mp4", "BL/ann_1.mp4")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    catalog = find_clips(tmp_path)
    assert (catalog.layout, set(listed(catalog))) == ("styles", {"Tok/ann_1", "BL/ann_1"})
    assert [refusal.path.name for refusal in catalog.refused] == ["gone", "loop.mp4", "pipe"]


@pytest.mark.parametrize("folder", ["", "TikTok_Raw_Videos/seq_1_2", "train/Garba"])
def test_a_folder_that_cannot_be_listed_is_refused_alone(folder, tmp_path, monkeypatch):
    touch(tmp_path, f"{folder or 'Tok'}/ann_1.mp4", f"{folder or 'Tok'}/closed/1.mp4")
    whole = Path.iterdir

    def iterdir(path):
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    catalog = find_clips(tmp_path)
    assert [clip.path.name for clip in catalog.clips] == ["ann_1.mp4"]
    (refusal,) = catalog.refused
    assert refusal.path.name == "closed"


def test_a_name_too_long_in_a_manifest_is_refused_alone(tmp_path):
    touch(tmp_path, "a.mp4")
    (tmp_path / "manifest.csv").write_text(f"path,style\n{'x' * 300}.mp4,Tok\na.mp4,Tok\n")
    catalog = find_clips(tmp_path)
    assert set(listed(catalog)) == {"a"}
    assert [refusal.reason for refusal in catalog.refused] == ["cannot be read (File name too long)"]
    with pytest.raises(CatalogError, match="too long"):
        find_clips(tmp_path / ("x" * 300))


@pytest.mark.parametrize("prepare", [lambda root: root / "absent", lambda root: root])
def test_nothing_found_is_one_clear_line(tmp_path, prepare):
    with pytest.raises(CatalogError) as caught:
        find_clips(prepare(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_folder_offers_its_clips_and_anything_else_itself(tmp_path):
    touch(tmp_path, "class/a.mp4", "class/b.mov", "class/odd.jpg", "seq/0001.png", "none/notes.txt")
    folder = tmp_path / "class"
    odd = Refusal(folder / "odd.jpg", "a single image among videos")
    assert clips_at(folder) == ([folder / "a.mp4", folder / "b.mov"], [odd])
    for alone in (folder / "a.mp4", tmp_path / "seq", tmp_path / "missing.mp4"):
        assert clips_at(alone) == ([alone], [])
    found, [refusal] = clips_at(tmp_path / "none")
    assert (found, refusal.path) == ([], tmp_path / "none")
    assert refusal.reason.startswith("no clips found; expected manifest.csv")


def test_shared_clips_are_found(shared_data):
    assert len(find_clips(shared_data / "ballroom").clips) == 59
    real = find_clips(shared_data / "real_clips")
    assert (real.layout, len(real.clips), real.refused) == ("loose", 5, ())
    assert all(isinstance(clip.path, Path) for clip in real.clips)
