"""The description of a model: its graph, preprocessing, decoding and calibration.

A `ModelSpec` is stored as JSON in the metadata of native safetensors files (key `spec`) and with
converted graphs. It needs neither torch nor NumPy.
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

# The maps of a finder (`output == "boxes"`), in this order: the logit that the centre of a box is
# in the pixel; log(width / BOX_UNIT) and log(height / BOX_UNIT) of that box; the offset from the
# centre of the pixel to the centre of the box, in map pixels.
BOX_MAPS = ("centre", "log_width", "log_height", "offset_x", "offset_y")
BOX_UNIT = 64.0  # input pixels

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class NetworkConfig:
    """The configuration of a stacked hourglass graph.

    Attributes:
        graph: `newell` (Newell et al. 2016) or `cornernet` (mmpose's Hourglass-52/104).
        stacks: Number of hourglasses.
        width: Channels of the trunk (Newell), or of the feature before the head (CornerNet).
        joints: Number of heatmaps.
        stem: Channels of the 7x7 convolution and of the first residual block.
        stem_second: Channels of the second residual block of the stem.
        blocks: Residual blocks at every position of an hourglass.
        after_blocks: Residual blocks after the hourglass (Newell).
        depth: Levels of an hourglass.
        increase: Additional channels inside the outermost level (Newell).
        depthwise: Whether the 3x3 convolutions of residual blocks are depthwise (Newell).
        level_channels: Channels per level, outermost first, `depth` + 1 numbers (CornerNet).
        level_blocks: Blocks per level, likewise (CornerNet).
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
    """How to get a coordinate from a heatmap: x_input = (x_map + shift + offset) * stride.

    Attributes:
        subpixel: How `shift` is found: `quarter` (a quarter pixel towards the higher neighbour),
            `dark` (Taylor step on the blurred log map, Zhang et al. CVPR 2020), `centroid` (centre
            of mass in 5x5 around the peak, for probability maps) or `mass` (centre of mass of the
            7x7 window with the largest sum, instead of the peak).
        offset: In map pixels.
        tie: The shift in `quarter` where both neighbours are equal, 0 or -0.25.
        border: In `quarter`, on the map's border: no shift (`interior`) or clamped neighbours
            (`clamp`).
        positive_only: Whether joints whose peak is not above 0 get (0, 0).
    """

    subpixel: str = "quarter"
    offset: float = 0.5
    tie: float = 0.0
    border: str = "interior"
    positive_only: bool = False


@dataclass(frozen=True)
class Calibration:
    """Maps a raw score to the probability that the joint is within 0.2 torso of the truth.

    Monotone and piecewise linear through (`raw[i]`, `probability[i]`), constant outside. A spec has
    one per stack, or one per stack and joint (all joints of the first stack, then of the second).
    """

    raw: tuple[float, ...]
    probability: tuple[float, ...]


@dataclass(frozen=True)
class ModelSpec:
    """Everything about a model except its tensors.

    Attributes:
        name: Of the model.
        family: A key of `network.families.FAMILIES`, or `pose-app`.
        network: The graph.
        joints: Names of the heatmaps.
        limbs: Pairs of joint indices.
        flip: As in `Skeleton`.
        input_size: (height, width) in pixels.
        stride: Input pixels per map pixel.
        colour: The order of the input channels, `RGB` or `BGR`.
        mean: Of red, green and blue (in this order for every `colour`), for values in 0..1.
        std: Likewise.
        output: `heatmap` (raw maps), `logits` (softmax over the pixels of a map plus one logit
            fixed at 0, which means *absent*) or `boxes` (a finder, see BOX_MAPS).
        score: `peak`, or `window` (the sum of the map in the window around the joint).
        decode: How to get coordinates.
        flip_shift: By how many map pixels the maps of a mirrored image are shifted in a flip test.
        sigma: Of the training targets, in map pixels.
        calibration: Of the scores; empty = raw scores are used.
        threshold: The score from which a joint is present; of a finder, a person.
        licence: Of the weights.
        provenance: Where they come from.
        extra: Anything else.
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
        """The spec with another input size. Raises ModelError where the graph cannot take it."""
        if height <= 0 or width <= 0 or height % self.size_multiple or width % self.size_multiple:
            raise ModelError(
                f"The model {self.name} takes images whose sides are multiples of "
                f"{self.size_multiple} pixels, not {width} x {height}."
            )
        return replace(self, input_size=(height, width))

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Parse a spec. Raises ModelError, naming the field, for anything invalid."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"The model's description is not readable JSON: {error}.") from None
        return _spec_from_dict(data)


def read_spec(path: str | Path) -> ModelSpec:
    """The spec of a native model file, from its header. Raises ModelError."""
    try:
        with Path(path).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                raise ValueError("the header is too long")
            metadata = json.loads(file.read(length)).get("__metadata__", {})
            text = metadata["spec"]
            if not isinstance(text, str):
                raise TypeError("the spec is not a text")
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    except (struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise ModelError(
            f"{path} is not a model of pose-app, which is a safetensors file with a spec: add it "
            "with `pose-app models add FILE`."
        ) from None
    return ModelSpec.from_json(text)


def _spec_from_dict(data: Any) -> ModelSpec:
    if not isinstance(data, dict):
        raise ModelError("The model's description is not a JSON object.")
    if data.get("schema") != SCHEMA:
        raise ModelError(
            f"The model's description has schema {data.get('schema')!r:.50}, but this version of "
            f"pose-app reads only {SCHEMA}: update pose-app or export the model again."
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
        # Cut off, because the value in the message may be very long.
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
    """Raise ValueError for invalid or contradictory fields."""
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
        raise ValueError("the flip order is not a permutation of the joints")
    if any(not (0 <= a < count and 0 <= b < count) for a, b in spec.limbs):
        raise ValueError("a limb has a joint that does not exist")


def _check_input(spec: ModelSpec) -> None:
    if len(spec.input_size) != 2 or not all(_positive(s) and s <= 4096 for s in spec.input_size):
        raise ValueError(f"input_size is {spec.input_size!r}")
    if not _positive(spec.stride) or any(s % spec.size_multiple for s in spec.input_size):
        raise ValueError(f"input_size {spec.input_size} is not a multiple of {spec.size_multiple}")
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
        raise ValueError(f"a finder, and only a finder, has the maps {', '.join(BOX_MAPS)}")
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
            raise ValueError("a calibration curve needs at least two points")
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
    """Whether it is a text that UTF-8 can encode (half a surrogate pair cannot be encoded)."""
    return isinstance(value, str) and value.encode(errors="replace").decode() == value


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
