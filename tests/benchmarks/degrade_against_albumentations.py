"""Compare our corruptions with public implementations of the same operations, at matched parameters on one clip.

`make crosscheck` runs this file. It prints the table of `agreement` and, with `--write`, writes it to AGREEMENT.md.
albumentations and imagecorruptions are used if they are installed.
"""

import argparse
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from dance_tf.corruption.camera import add_gaussian_noise, blur_by_motion, lower_resolution
from dance_tf.corruption.codec import FRAMES_PER_SECOND, psnr
from dance_tf.corruption.conditions import degrade
from dance_tf.corruption.light import dim
from dance_tf.corruption.weather import fog_texture

SIDE, LENGTH = 256, 120
WRITTEN = Path(__file__).with_name("AGREEMENT.md")
PACKAGES = ("albumentations", "imagecorruptions", "opencv-python-headless", "opencv-python", "numpy", "av")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise it looks for updates on the network


@dataclass(frozen=True)
class Twin:
    """A public implementation with fixed parameters: a function from one gray frame to one frame."""

    name: str
    apply: Callable[[np.ndarray], np.ndarray]

    def on_clip(self, clip: np.ndarray) -> np.ndarray:
        """Return all frames of a clip, changed."""
        return np.stack([self.apply(frame) for frame in clip])


def sample_clip(length: int = LENGTH, side: int = SIDE) -> np.ndarray:
    """Return a swaying figure of ellipses before a textured wall: uint8 [n, side, side], the same on every machine."""
    grain = np.random.default_rng(0).standard_normal((side, side))
    wall = 120 + 30 * cv2.resize(fog_texture(1), (side, side)) + 8 * grain
    clip = np.repeat(np.clip(wall, 0, 255).astype(np.uint8)[None], length, 0)
    for i, frame in enumerate(clip):
        x, swing = side / 2 + 0.2 * side * np.sin(i / 12), 50 * np.sin(i / 5)
        for dx, y, half, turn, gray in (
            (0, 0.25, (0.05, 0.07), 0, 200),
            (0, 0.48, (0.08, 0.17), 0, 60),
            (-0.13, 0.42, (0.025, 0.14), 40 + swing, 190),
            (0.13, 0.42, (0.025, 0.14), -40 - swing, 190),
            (-0.05, 0.78, (0.035, 0.18), swing / 4, 35),
            (0.05, 0.78, (0.035, 0.18), -swing / 4, 35),
        ):
            centre, axes = (round(x + dx * side), round(y * side)), tuple(round(a * side) for a in half)
            cv2.ellipse(frame, centre, axes, turn, 0, 360, gray, -1, cv2.LINE_AA)
    return clip


def _albumentation(transform, colour: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    transform.set_random_seed(0)
    if colour:
        return lambda frame: transform(image=np.repeat(frame[..., None], 3, 2))["image"][..., 0]
    return lambda frame: transform(image=frame[..., None])["image"].reshape(frame.shape)


def our_operations() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return our operations that exist elsewhere with the same parameters, each on a clip of `SIDE` pixels."""
    moments = np.arange(LENGTH) / FRAMES_PER_SECOND

    def noise(sigma: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda clip: add_gaussian_noise(clip, moments[: len(clip)], np.random.default_rng(0), sigma=sigma)

    def blur(length: int) -> Callable[[np.ndarray], np.ndarray]:
        generator = np.random.default_rng(0)
        # frame by frame, so that each has exactly this length
        return lambda clip: np.concatenate(
            [blur_by_motion(frame[None], moments[:1], generator, motion_blur_length=length / SIDE) for frame in clip]
        )

    generator = np.random.default_rng(0)  # these two are deterministic
    return {
        "Gaussian noise, sigma 10": noise(10),
        "Gaussian noise, sigma 30": noise(30),
        "Gaussian noise, sigma 30.6": noise(30.6),
        "horizontal motion blur, 5 px": blur(5),
        "horizontal motion blur, 9 px": blur(9),
        "horizontal motion blur, 21 px": blur(21),
        "brightness × 0.3": lambda clip: dim(clip, moments, generator, brightness=0.3),
        "short side 144 px": lambda clip: lower_resolution(clip, moments, generator, inverse_side=1 / 144),
    }


def same_operations() -> dict[str, tuple[Callable[[np.ndarray], np.ndarray], list[Twin]]]:
    """Return ours on a clip and each public twin on a frame; empty if neither library is installed."""
    ours = our_operations()
    pairs: dict[str, tuple[Callable, list[Twin]]] = {}

    def pair(title: str, name: str, apply: Callable[[np.ndarray], np.ndarray]) -> None:
        pairs.setdefault(title, (ours[title], []))[1].append(Twin(name, apply))

    if importlib.util.find_spec("albumentations"):
        import albumentations as A

        for sigma in (10, 30):
            noise = A.GaussNoise(std_range=(sigma / 255, sigma / 255), p=1)
            pair(f"Gaussian noise, sigma {sigma}", "albumentations GaussNoise", _albumentation(noise))
        for length in (5, 9, 21):
            blur = A.MotionBlur((length, length), allow_shifted=False, angle_range=(0, 0), direction_range=(0, 0), p=1)
            pair(f"horizontal motion blur, {length} px", "albumentations MotionBlur", _albumentation(blur))
        darken = A.MultiplicativeNoise(multiplier=(0.3, 0.3), p=1)
        pair("brightness × 0.3", "albumentations MultiplicativeNoise", _albumentation(darken))
        ways = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}
        coarse = A.Downscale(scale_range=(144 / SIDE, 144 / SIDE), interpolation_pair=ways, p=1)
        pair("short side 144 px", "albumentations Downscale", _albumentation(coarse))
    if importlib.util.find_spec("imagecorruptions"):
        from imagecorruptions import corrupt

        pair(
            "Gaussian noise, sigma 30.6",
            "imagecorruptions gaussian_noise 2",
            lambda frame: corrupt(frame, 2, "gaussian_noise")[..., 0],
        )
    return pairs


def kindred_operations() -> dict[str, Twin]:
    """Return similar operations of albumentations for the other conditions, by the name of the condition."""
    if not importlib.util.find_spec("albumentations"):
        return {}
    import albumentations as A

    jpeg = {quality: A.ImageCompression("jpeg", (quality, quality), p=1) for quality in (25, 15)}
    return {
        "mild_compression": Twin("ImageCompression (JPEG 25)", _albumentation(jpeg[25])),
        "severe_compression": Twin("ImageCompression (JPEG 15)", _albumentation(jpeg[15])),
        "backlight": Twin("RandomSunFlare", _albumentation(A.RandomSunFlare(p=1), True)),
        "moving_shadows": Twin("RandomShadow", _albumentation(A.RandomShadow(p=1), True)),
        "rain": Twin("Spatter (rain)", _albumentation(A.Spatter(mode="rain", p=1), True)),
        "mild_fog": Twin("RandomFog 0.3", _albumentation(A.RandomFog(fog_coef_range=(0.3, 0.3), p=1), True)),
        "heavy_fog": Twin("RandomFog 0.8", _albumentation(A.RandomFog(fog_coef_range=(0.8, 0.8), p=1), True)),
    }


def agreement(clip: np.ndarray) -> pd.DataFrame:
    """Return PSNR against the clean clip, and the change of mean and contrast, of ours and each public twin.

    Returns:
        Columns: operation, twin, same_operation, psnr_ours, psnr_theirs, psnr_difference (dB), mean_ours, mean_theirs
            (change, gray levels), contrast_ours, contrast_theirs (standard deviation over the clean one's).
    """
    cases = [
        (title, twin, True, clip, ours(clip)) for title, (ours, twins) in same_operations().items() for twin in twins
    ]
    kin = kindred_operations()
    cases += [(name, kin[name], False, clip[::10], degrade(clip, name).frames[::10]) for name in kin]
    rows = []
    for title, twin, same, clean, ours in cases:
        theirs = twin.on_clip(clean)
        rows.append(
            {
                "operation": title,
                "twin": twin.name,
                "same_operation": same,
                "psnr_ours": psnr(clean, ours),
                "psnr_theirs": psnr(clean, theirs),
                "psnr_difference": psnr(clean, ours) - psnr(clean, theirs),
                "mean_ours": ours.mean() - clean.mean(),
                "mean_theirs": theirs.mean() - clean.mean(),
                "contrast_ours": ours.std() / clean.std(),
                "contrast_theirs": theirs.std() / clean.std(),
            }
        )
    return pd.DataFrame(rows)


def versions_line() -> str:
    """Return the versions of the packages that the table depends on, if installed, in one line."""
    installed = {each.name: each.version for each in importlib.metadata.distributions()}
    return ", ".join(f"{name} {installed[name]}" for name in PACKAGES if name in installed)


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown. `make crosscheck` has neither tabulate nor Keras, which dance_tf.report imports."""
    rules = ["---:" if pd.api.types.is_numeric_dtype(kind) else "---" for kind in table.dtypes]
    cells = table.map(lambda cell: "–" if pd.isna(cell) else f"{cell:.2f}" if isinstance(cell, float) else str(cell))
    rows = [list(table.columns), rules, *cells.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def agreement_page(table: pd.DataFrame) -> str:
    """Return the table of `agreement` as a page of Markdown."""
    names = {
        "operation": "operation", "twin": "public implementation", "psnr_ours": "PSNR, ours (dB)",
        "psnr_theirs": "theirs, PSNR (dB)", "psnr_difference": "difference (dB)", "mean_ours": "mean gray level, ours",
        "mean_theirs": "theirs, mean", "contrast_ours": "contrast, ours", "contrast_theirs": "theirs, contrast",
    }  # fmt: skip
    same, kin = (table[table.same_operation == which][list(names)].rename(columns=names) for which in (True, False))
    worst = table[table.same_operation].psnr_difference.abs().max()
    return (
        "# Our corruptions and public implementations\n\n"
        "Generated by `make crosscheck`. PSNR is against the clean clip; the mean gray level is its change; the "
        "contrast is the standard deviation divided by that of the clean clip. The clip is "
        f"`sample_clip` of `{Path(__file__).name}`, {SIDE}×{SIDE}.\n\n"
        f"Versions: {versions_line()}.\n\n"
        f"## The same operation at matched parameters\n\nThe largest difference of PSNR is {worst:.2f} dB; "
        f"`tests/corruption/test_agreement.py` requires less than 1 dB.\n\n{to_markdown(same)}\n"
        "## Similar operations\n\nThe parameters are not matched, so only the direction can be compared. For example, "
        f"JPEG of single frames is compared with our H.264.\n\n{to_markdown(kin)}"
    )


def main() -> None:
    """Print the table, and write it with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"also write {WRITTEN.name}")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    page = agreement_page(agreement(sample_clip()))
    print(page)
    if arguments.write:
        WRITTEN.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
