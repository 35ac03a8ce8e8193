"""Profiles: the parameters that the notebooks share, from one flat YAML file in notebooks/runs/."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import yaml

from dance_tf.pose.read import PoseSettings
from dance_tf.pose.weights import missing_weights

ROOT = Path(__file__).resolve().parents[2]  # of the repository
SUFFIXES = (".yaml", ".yml")
SIX_STRATEGIES = ("resnet", "cnn", "ae", "cnn_lstm", "cnn_ae", "cnn_ae_attention")


class RunError(RuntimeError):
    """The report cannot be made; the message is one line with the place and the reason."""


NARROWEST = 8  # channels of a ResNet; see `dance_tf`


@dataclass(frozen=True)
class Profile:
    """Shared parameters of the notebooks with their defaults; a YAML file in notebooks/runs/ sets what differs."""

    name: str = ""  # of the profile; the file's name, not set in the file
    # clips
    work: Path = ROOT / "work"  # folder for footage, datasets and cached runs; relative to the repository root
    footage: str = ""  # folder of real clips, relative to the YAML file; empty for synthetic clips
    styles: int = 12  # synthetic styles
    dancers: int = 20  # synthetic dancers; each dances every style
    seconds: float = 4.0  # length of a synthetic clip
    frame_rate: float = 15.0  # frames per second of a synthetic clip
    difficulty: float = 0.5  # of synthetic clips: 0 for clean dancing and still cameras, 1 for the opposite
    table_1_frames: bool = False  # as many good frames per style as in Table 1; replaces `seconds`
    poses_per_second: float = 10.0  # skeletons of the dancer that are looked for, at most one a frame; 0 for none
    strips: bool = False  # draw a film strip of every clip, in a folder next to the dataset
    # every notebook
    seed: int = 0  # of splits, weights, batches and bootstrap samples
    jobs: int = 2  # parallel processes
    force: bool = False  # run again what is in the cache
    resamples: int = 1000  # bootstrap samples of dancers behind each interval
    folds: int = 5  # folds over dancers
    # main runs: autoencoder and classifier
    strategy: str = "cnn_ae_attention"  # the network of the paper
    run_folds: int = 2  # number of folds that are run
    repeats: int = 1  # runs of each fold with different seeds ("experiments" in the paper)
    epochs: int = 24  # maximum
    patience: int = 10  # epochs without improvement before training stops, at a constant learning rate
    frames_per_clip: int = 12  # training frames sampled per clip and epoch
    score_frames: int = 24  # frames of each clip that are scored
    jitter: float = 1.5  # random shift, scale and brightness of training frames; 0 for none
    learning_rate: float = 0.03  # of SGD at the start; paper: 0.001
    momentum: float = 0.9  # of SGD; not stated in the paper
    decay: str = "cosine"  # of the learning rate: cosine, or constant as in the paper
    batch_size: int = 32  # frames; not stated in the paper
    weight_decay: float = 0.05  # share of the learning rate; not stated in the paper
    dropout: float = 0.0  # in the head; not stated in the paper
    squeeze_ratio: int = 8  # of channel attention; not stated in the paper
    low_resolution_factor: int = 2  # factor by which the input of the autoencoder is shrunk
    encoder_rate: float = 1.0  # share of the learning rate for the grown encoder
    growth_epochs: int = 1  # epochs of each stage of the autoencoder but the last
    growth_last_epochs: int = 24  # epochs of its last stage
    growth_frozen_epochs: int = 1  # epochs before these in which only the new stage is trained
    growth_optimizer: str = "adam"  # of the autoencoder: adam, or sgd as in the paper
    growth_learning_rate: float = 0.005  # of the autoencoder; SGD with the 0.001 of the paper needs many more epochs
    growth_momentum: float = 0.9  # of the autoencoder's SGD; not stated in the paper
    dancer_counts: tuple[int, ...] = (4, 8)  # training dancers of shorter learning curves; runs on `compare_folds`
    pca_frames: int = 12  # frames of each training clip for the principal components
    # runs that compare strategies, splits and corruptions
    table_folds: int = 1  # number of folds that are run for the comparison of strategies (Table 2)
    table_repeats: int = 1  # runs of each of these folds with different seeds
    paper_folds: int = 1  # folds that are also run under the paper's split: 80 % in five inner folds, 20 % held out
    compare_folds: int = 1  # number of folds that are run for other comparisons
    compare_epochs: int = 6  # maximum
    compare_patience: int = 10  # epochs without improvement before training stops, at a constant learning rate
    compare_growth_epochs: int = 1  # epochs of each stage of the autoencoder but the last
    compare_growth_last_epochs: int = 4  # epochs of its last stage
    compare_frames_per_clip: int = 6  # training frames sampled per clip and epoch
    compare_jitter: float = 1.0  # random change of training frames; none in the paper
    compare_resnet_width: int = 8  # channels of the first stage of ResNet; 64 in He et al.
    compare_resnet_depth: int = 18  # 18 or 50
    compare_imagenet: bool = False  # start ResNet-50 from ImageNet weights, which Keras downloads
    compare_sequence_length: int = 4  # consecutive frames that CNN + LSTM reads
    interval_folds: int = 1  # number of folds that are run for Table 3
    intervals: tuple[int, ...] = (1, 3, 10)  # Table 3: training uses every n-th frame
    frame_sizes: tuple[int, ...] = (128, 64)  # Table 3: pixels; smaller sizes only at the first and last interval
    ablations: Path = ROOT / "notebooks" / "ablations.yaml"  # rows of the ablations; relative to notebooks/
    ablation_rows: int = 0  # number of ablations that are run; 0 for all
    timed_frames: int = 1110  # frames of the clip that is timed; the clip in the paper has 1110 frames in 37 s
    timed_repeats: int = 3  # measurements of each part; the median is reported
    leakage_strategies: tuple[str, ...] = SIX_STRATEGIES  # compared across splits, background subtracted
    background_strategies: tuple[str, ...] = SIX_STRATEGIES  # compared across splits, with background
    # inputs of networks: frames, cut-outs, skeletons
    ladder_folds: int = 1  # number of folds that are run
    ladder_strategies: tuple[str, ...] = ("cnn_ae_attention",)  # networks of frames, each with every view
    skeleton_strategies: tuple[str, ...] = ("skeleton_tcn", "skeleton_gcn", "fusion")
    skeleton_epochs: int = 0  # maximum; 0 for the networks' own
    reference_counts: tuple[int, ...] = (1, 3, 5)  # reference clips of each style, by as many dancers
    reference_draws: int = 20  # random choices of these dancers
    calibration_repeats: int = 100  # random halves of the held-out dancers
    ladder_dancers: tuple[int, ...] = (1, 2, 4, 8)  # training dancers of shorter learning curves
    other_difficulties: tuple[float, ...] = ()  # of more synthetic clips on which this is repeated
    other_strategies: tuple[str, ...] = ()  # networks there; empty for all
    motion: str = ""  # folder of motion capture, relative to the YAML file, on which all is repeated; empty for none
    # fidelity
    fidelity_groups: int = 1  # groups of dancers, of four, that are compared with all others
    label_folds: int = 0  # folds in which wrong labels are planted, found and trusted less; nine short runs each
    # edge and cloud
    split_clips: int = 4  # held-out clips on which the cuts of a network are measured
    # corruptions
    corrupted_pose_clips: int = 4  # clips whose skeletons are found under each condition
    degrade_seeds: int = 2  # seeds of the conditions that are random
    degrade_frames: int = 6  # frames scored of each held-out clip
    degrade_background_frames: int = 16  # corrupted frames used to estimate the background of a clip
    severity_conditions: tuple[str, ...] = (
        "severe_noise", "severe_motion_blur", "low_light", "heavy_fog", "low_resolution",
    )  # measured at severities 1 to 5  # fmt: skip
    robust_strategies: tuple[str, ...] = SIX_STRATEGIES  # rows of the heat map
    left_out_families: tuple[str, ...] = ("weather", "light")  # each left out of training once and tested


TYPES = get_type_hints(Profile)
NAMES = tuple(field.name for field in fields(Profile) if field.name != "name")


def find_profile(name_or_path: str | Path) -> Path:
    """Return the YAML file of a profile.

    Args:
        name_or_path: a name ("quick"), or a path; a relative path is relative to notebooks/.

    Raises:
        RunError: there is no such file; the message lists those that exist.
    """
    given = Path(name_or_path)
    path = ROOT / "notebooks" / (given if given.suffix in SUFFIXES else Path("runs", f"{given}.yaml"))
    if not path.is_file():
        found = sorted(each.stem for each in path.parent.glob("*") if each.suffix in SUFFIXES)
        raise RunError(
            f"there is no profile {path.name} in {path.parent.name}/; there are: {', '.join(found) or 'none'}"
        )
    return path


def read_profile(path: Path) -> dict[str, object]:
    """Return what a profile's YAML file sets, checked against `Profile` and converted to its types.

    Raises:
        RunError: the file is not a flat list of `name: value`, or a name or the type of a value is wrong. (YAML reads
            `1e-3` as a string.)
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping) or any(isinstance(value, Mapping) for value in content.values()):
        raise RunError(f"{path.name} must be a flat list of `name: value`")
    if unknown := [str(key) for key in content if key not in NAMES]:
        raise RunError(f"{path.name}: no such parameter: {', '.join(sorted(unknown))}")
    return {key: _converted(key, value, path.name) for key, value in content.items()}


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a profile, with paths resolved: `work` from the repository root, others from the YAML file's folder.

    Args:
        name_or_path: as for `find_profile`.

    Raises:
        RunError: as for `find_profile` and `read_profile`; or a ResNet that is too narrow for oneDNN.
    """
    path = find_profile(name_or_path)
    profile = Profile(**{"name": path.stem, **read_profile(path)})
    if profile.compare_resnet_width < NARROWEST:
        raise RunError(
            f"{path.name}: compare_resnet_width is {profile.compare_resnet_width}, but must be {NARROWEST} or more"
        )
    folders = {"footage": profile.footage, "motion": profile.motion}
    return replace(
        profile,
        work=(ROOT / profile.work.expanduser()).resolve(),
        **{
            name: str((path.parent / Path(folder).expanduser()).resolve()) for name, folder in folders.items() if folder
        },
        ablations=ROOT / "notebooks" / profile.ablations,
    )


def pose_settings(profile: Profile) -> tuple[PoseSettings | None, str]:
    """Return how skeletons are found, and "", or None and in one line why they are not looked for.

    Raises:
        RunError: the rate is negative.
    """
    if profile.poses_per_second < 0:
        raise RunError(f"{profile.name}: poses_per_second is {profile.poses_per_second:g}, but must be 0 or more")
    if not profile.poses_per_second:
        return None, f"`poses_per_second` is 0 in the profile {profile.name}"
    why = missing_weights()
    return (None, why) if why else (PoseSettings(profile.poses_per_second), "")


def _converted(key: str, value: object, file: str) -> object:
    wanted = TYPES[key]
    item = get_args(wanted)[0] if get_origin(wanted) is tuple else None
    values = value if item and isinstance(value, list) else [value]
    kind = str if wanted is Path else item or wanted
    fits = all(type(one) is kind or (kind is float and type(one) is int) for one in values)
    if not fits or (item and not isinstance(value, list)):
        described = f"list of {item.__name__}" if item else kind.__name__
        raise RunError(f"{file}: {key} is {value!r} ({type(value).__name__}), but must be {described}")
    return tuple(kind(one) for one in values) if item else wanted(value)
