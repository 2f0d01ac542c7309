"""What the tensors of a network do not tell: how to feed it and how to read its heatmaps.

A `ModelSpec` travels as JSON in the metadata of our safetensors files (key `spec`), in the
converter's cache and in every recording's log. It needs neither torch nor numpy.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .errors import ModelError
from .skeletons import Skeleton, from_parts

SCHEMA = 1

_MAX_HEADER = 100 * 2**20  # bytes of a safetensors header

# The maps of a finder (`output == "boxes"`) in their order: a logit that somebody's middle is in
# this pixel; the logarithm of the box's width and height / BOX_UNIT; from the middle of the pixel
# to the middle of the box, map pixels.
BOX_MAPS = ("centre", "log_width", "log_height", "offset_x", "offset_y")
BOX_UNIT = 64.0  # input pixels

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of a stacked hourglass graph; `graph` tells the two published families apart.

    Newell graph (`newell`, Newell et al. 2016): `stacks` hourglasses of `depth` levels and `width`
    channels; `stem` = channels of the 7x7 convolution and of the first two residuals; `blocks` =
    residuals at every place of an hourglass; `increase` widens the inside of the outermost level;
    `depthwise` makes the 3x3 convolutions of the residuals depthwise.
    CornerNet graph (`cornernet`, mmpose's Hourglass-52/104): channels and blocks differ per level,
    outermost first, innermost last (`level_channels`, `level_blocks`, both `depth` + 1 long);
    `width` = channels of the feature in front of the head, `stem[0]` = channels of the 7x7.
    """

    graph: str = "newell"
    stacks: int = 8
    width: int = 256
    joints: int = 16
    stem: tuple[int, int] = (64, 128)
    stem_second: int = 128
    blocks: int = 1
    after_blocks: int = 1
    depth: int = 4
    increase: int = 0
    depthwise: bool = False
    level_channels: tuple[int, ...] = ()
    level_blocks: tuple[int, ...] = ()


@dataclass(frozen=True)
class DecodeRule:
    """How a family turns the peak of a heatmap into a coordinate.

    x_input = (x_map + shift + offset) * stride, where `shift` is a quarter pixel towards the higher
    neighbour. `tie` is the shift where both neighbours are equal (0 or -0.25); `border` says
    whether the shift is skipped on the map's border (`interior`) or taken with clamped neighbours
    (`clamp`); `positive_only` zeroes joints whose peak is not above 0. `subpixel` is `quarter` or
    `dark` (Taylor step on the blurred log map, Zhang et al. CVPR 2020) or `centroid` (centre of
    mass in 5x5 around the peak, for probability maps) or `mass` (the 7x7 window that holds the most
    of the map, wherever its peak is: its centre of mass, and its sum as the score `window`).
    `offset` is in map pixels; -0.5 input pixels are already part of it where a family has them.
    """

    subpixel: str = "quarter"
    offset: float = 0.5
    tie: float = 0.0
    border: str = "interior"
    positive_only: bool = False


@dataclass(frozen=True)
class Calibration:
    """Monotone map from a raw score to the probability that the joint is within 0.2 torso.

    Piecewise linear through (`raw[i]`, `probability[i]`), flat outside. One per stack, or one per
    stack and joint: all joints of the first stack, then all of the second.
    """

    raw: tuple[float, ...]
    probability: tuple[float, ...]


@dataclass(frozen=True)
class ModelSpec:
    """Everything a model file says about itself besides its tensors.

    `input_size` is (height, width) in pixels; `colour` is the channel order the network wants;
    `mean` and `std` are of red, green and blue, in this order whatever `colour` is, and apply after
    scaling to 0..1. `output` is `heatmap` (raw maps) or `logits` (softmax over the H*W
    logits of a joint plus one logit fixed at 0 that stands for *absent*). `score` is `peak` or
    `window` (sum of the probability map in 5x5 around the peak). `flip_shift` is by how many map
    pixels a flipped answer is shifted before averaging. `threshold` is the calibrated score under
    which a joint is absent; of a finder, the score under which a peak is nobody.
    """

    name: str
    family: str
    network: NetworkConfig
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    flip: tuple[int, ...]
    input_size: tuple[int, int] = (256, 256)
    stride: int = 4
    colour: str = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    output: str = "heatmap"
    score: str = "peak"
    decode: DecodeRule = field(default_factory=DecodeRule)
    flip_shift: int = 0
    sigma: float = 1.0
    calibration: tuple[Calibration, ...] = ()
    threshold: float = 0.3
    licence: str = "unknown"
    provenance: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def skeleton(self) -> Skeleton:
        return from_parts(self.joints, self.limbs, self.flip)

    @property
    def map_size(self) -> tuple[int, int]:
        """(height, width) of one heatmap."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    @property
    def size_multiple(self) -> int:
        """Heights and widths of the input must be multiples of this many pixels."""
        value: int = self.stride * 2**self.network.depth
        return value

    def with_input_size(self, height: int, width: int) -> ModelSpec:
        """The same model fed another size. Raises ModelError where the graph cannot take it."""
        if height <= 0 or width <= 0 or height % self.size_multiple or width % self.size_multiple:
            raise ModelError(
                f"The model {self.name} takes pictures whose sides are multiples of "
                f"{self.size_multiple} pixels, not {width} x {height}."
            )
        return replace(self, input_size=(height, width))

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read a spec back. Raises ModelError, naming the field, on anything senseless."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"The model's description is not readable JSON: {error}.") from None
        return _spec_from_dict(data)


def read_spec(path: str | Path) -> ModelSpec:
    """The spec of one of our files, read from its header alone. Raises ModelError."""
    try:
        with Path(path).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                raise ValueError("the header is longer than any real one")
            metadata = json.loads(file.read(length)).get("__metadata__", {})
            text = metadata["spec"]
            if not isinstance(text, str):
                raise TypeError("the spec is no text")
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    except (struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise ModelError(
            f"{path} is no model of pose-app: it is not a safetensors file with a spec inside."
        ) from None
    return ModelSpec.from_json(text)


def _spec_from_dict(data: Any) -> ModelSpec:
    if not isinstance(data, dict):
        raise ModelError("The model's description is not a JSON object.")
    if data.get("schema") != SCHEMA:
        raise ModelError(
            f"The model's description has schema {data.get('schema')!r:.50}, this version of "
            f"pose-app reads {SCHEMA}: update pose-app or export the model again."
        )
    known = {f.name for f in fields(ModelSpec)}
    values = {key: value for key, value in data.items() if key in known}
    try:
        values["network"] = _nested(NetworkConfig, values["network"])
        values["decode"] = _nested(DecodeRule, values.get("decode", {}))
        values["calibration"] = tuple(
            _nested(Calibration, item) for item in values.get("calibration", ())
        )
        values["limbs"] = tuple((int(a), int(b)) for a, b in values["limbs"])
        for name in ("joints", "flip", "input_size", "mean", "std"):
            if name in values:
                values[name] = tuple(values[name])
        spec = ModelSpec(**values)
        _check(spec)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        # The field that is named may hold a novel.
        raise ModelError(f"The model's description is not usable: {str(error)[:300]}.") from None
    return spec


def _nested(kind: Any, data: Any) -> Any:
    names = {f.name for f in fields(kind)}
    values = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in dict(data).items()
        if key in names
    }
    return kind(**values)


def _check(spec: ModelSpec) -> None:
    """Raise ValueError where fields contradict each other."""
    _check_network(spec.network)
    _check_joints(spec)
    _check_input(spec)
    _check_reading(spec)
    _check_calibration(spec)


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 65536


def _check_network(network: NetworkConfig) -> None:
    for name in ("stacks", "width", "joints", "blocks", "after_blocks", "depth", "stem_second"):
        if not _positive(getattr(network, name)):
            raise ValueError(f"network.{name} is {getattr(network, name)!r}")
    if network.graph not in ("newell", "cornernet"):
        raise ValueError(f"network.graph is {network.graph!r}")
    if network.stacks > 64 or network.depth > 8 or network.blocks > 64 or network.after_blocks > 64:
        raise ValueError("the network is deeper than any that exists")
    if len(network.stem) != 2 or not all(_positive(c) for c in network.stem):
        raise ValueError(f"network.stem is {network.stem!r}")
    if network.graph == "cornernet":
        levels = (network.level_channels, network.level_blocks)
        if any(len(v) != network.depth + 1 or not all(map(_positive, v)) for v in levels):
            raise ValueError("network.level_channels and level_blocks need one number per level")
        if max(network.level_blocks) > 64:
            raise ValueError("the network is deeper than any that exists")
    if not isinstance(network.increase, int) or not 0 <= network.increase <= 65536:
        raise ValueError(f"network.increase is {network.increase!r}")


def _check_joints(spec: ModelSpec) -> None:
    count = len(spec.joints)
    if count == 0 or count != spec.network.joints or len(set(spec.joints)) != count:
        raise ValueError(f"{count} joint names for {spec.network.joints} heatmaps")
    if not all(_is_text(joint) for joint in spec.joints):
        raise ValueError("joint names must be text")
    if not all(type(j) is int for j in spec.flip) or sorted(spec.flip) != list(range(count)):
        raise ValueError("the flip order is no permutation of the joints")
    if any(not (0 <= a < count and 0 <= b < count) for a, b in spec.limbs):
        raise ValueError("a limb names a joint that is not there")


def _check_input(spec: ModelSpec) -> None:
    if len(spec.input_size) != 2 or not all(_positive(s) and s <= 4096 for s in spec.input_size):
        raise ValueError(f"input_size is {spec.input_size!r}")
    if not _positive(spec.stride) or any(s % spec.size_multiple for s in spec.input_size):
        raise ValueError(f"input_size {spec.input_size} is no multiple of {spec.size_multiple}")
    for name in ("mean", "std"):
        values = getattr(spec, name)
        if len(values) != 3 or not all(_finite(v) for v in values):
            raise ValueError(f"{name} is {values!r}")
    if min(spec.std) <= 0:
        raise ValueError("std must be positive")
    _choice("colour", spec.colour, ("RGB", "BGR"))


def _check_reading(spec: ModelSpec) -> None:
    _choice("output", spec.output, ("heatmap", "logits", "boxes"))
    if (spec.output == "boxes") != (spec.joints == BOX_MAPS):
        raise ValueError("a finder has the maps " + ", ".join(BOX_MAPS) + ", and nobody else has")
    _choice("score", spec.score, ("peak", "window"))
    _choice("decode.subpixel", spec.decode.subpixel, ("quarter", "dark", "centroid", "mass"))
    _choice("decode.border", spec.decode.border, ("interior", "clamp"))
    for name in ("name", "family", "licence", "provenance"):
        if not _is_text(getattr(spec, name)):
            raise ValueError(f"{name} must be text")
    if type(spec.flip_shift) is not int or abs(spec.flip_shift) > max(spec.map_size):
        raise ValueError(f"flip_shift is {spec.flip_shift!r}")
    if type(spec.decode.positive_only) is not bool:
        raise ValueError(f"decode.positive_only is {spec.decode.positive_only!r}")
    for value in (spec.decode.offset, spec.decode.tie, spec.sigma):
        if not _finite(value):
            raise ValueError(f"{value!r} is not a number")
    if not _finite(spec.threshold) or not 0 <= spec.threshold <= 1:
        raise ValueError(f"threshold is {spec.threshold!r}")


def _check_calibration(spec: ModelSpec) -> None:
    curves, stacks = len(spec.calibration), spec.network.stacks
    if curves not in (0, stacks, stacks * len(spec.joints)):
        raise ValueError(
            f"there must be one calibration per stack, or per stack and joint, not {curves}"
        )
    for curve in spec.calibration:
        if len(curve.raw) != len(curve.probability) or len(curve.raw) < 2:
            raise ValueError("a calibration curve needs two points or more")
        if not all(_finite(v) for v in (*curve.raw, *curve.probability)):
            raise ValueError("a calibration curve has a value that is not finite")
        if any(b <= a for a, b in zip(curve.raw, curve.raw[1:], strict=False)):
            raise ValueError("a calibration curve's raw scores must increase")
        if any(b < a for a, b in zip(curve.probability, curve.probability[1:], strict=False)):
            raise ValueError("a calibration curve's probabilities must not decrease")
    if not isinstance(spec.extra, dict):
        raise ValueError("extra must be an object")


def _choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}, not one of {', '.join(allowed)}")


def _is_text(value: Any) -> bool:
    """Whether it can be written to a log or shown: half a surrogate pair cannot."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
