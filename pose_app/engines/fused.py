"""A network with everything around it inside one torch graph: uint8 BGR crops in, maps out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..network.hourglass import Residual, Stack, Stem
from ..spec import ModelSpec

# A batch normalisation directly after a convolution disappears into it. The first one of a
# pre-activation residual cannot: its input is also the residual's raw sum.
_CONV_THEN_NORM: tuple[tuple[type[nn.Module], tuple[tuple[str, str], ...]], ...] = (
    (Residual, (("conv1", "bn2"), ("conv2", "bn3"))),
    (Stem, (("conv", "bn"),)),
    (Stack, (("feature", "feature_bn"),)),
)

_PIXEL_SCALE = 128.0


def normalised(crops: Tensor, spec: ModelSpec) -> Tensor:
    """(B, H, W, 3) uint8 BGR -> (B, 3, H, W) float32 as the spec says, step by step."""
    x = crops.permute(0, 3, 1, 2).float().div(255)
    mean, std = (crops.new_tensor(v, dtype=torch.float32) for v in (spec.mean, spec.std))
    x = (x.flip(1) - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    return x.flip(1) if spec.colour == "BGR" else x


def probabilities(logits: Tensor) -> Tensor:
    """Softmax over the pixels of each map and one more logit fixed at 0, which stands for *absent*.

    (..., h, w) -> (..., h, w); each map sums to the probability that the joint is in the picture.
    """
    flat = logits.flatten(-2)
    flat = functional.softmax(functional.pad(flat, (0, 1)), dim=-1)[..., :-1]
    return flat.reshape(logits.shape)


def fold_normalisation(network: nn.Module) -> None:
    """Merge batch normalisations into the convolutions before them, in place."""
    for module in network.modules():
        for kind, pairs in _CONV_THEN_NORM:
            if isinstance(module, kind):
                for conv, norm in pairs:
                    fused = fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
                    setattr(module, conv, fused)
                    setattr(module, norm, nn.Identity())


def fold_merges(network: nn.Module) -> None:
    """Merge the way of the heatmaps back into the trunk into the feature's, in place.

    Heatmaps are a linear function of the feature, so both ways together are one 1x1 convolution:
    M (h(f)) + F(f) = (M h + F) f. Saves 3 % of a stack.
    """
    for stack in network.modules():
        if not isinstance(stack, Stack) or stack.merge_feature is None:
            continue
        head, feature, heatmaps = stack.head, stack.merge_feature, stack.merge_heatmaps
        assert heatmaps is not None
        with torch.no_grad():
            way = heatmaps.weight[:, :, 0, 0].double()
            product = way @ head.weight[:, :, 0, 0].double()
            feature.weight += product[:, :, None, None].to(feature.weight)
            head_bias, feature_bias = head.bias, feature.bias
            assert head_bias is not None
            assert feature_bias is not None
            feature_bias += heatmaps(head_bias.view(1, -1, 1, 1)).flatten()
        stack.merge_heatmaps = _Nothing()  # type: ignore[assignment]


class _Nothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(())


class FusedNetwork(nn.Module):
    """forward((B, H, W, 3) uint8 BGR, stacks) -> S times (B, K, h, w) as the spec's output says.

    Takes over `network`. Division by 255 and by the standard deviation and the colour order
    disappear into the first convolution, but for a power of two that keeps its weights far from
    the smallest numbers of half precision. The mean cannot, because the convolution pads with
    zeros after it was subtracted.
    """

    mean: Tensor
    pixel_scale = 1 / _PIXEL_SCALE

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.network = network.eval()
        self.logits = spec.output == "logits"
        first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
        std = first.weight.new_tensor(spec.std)
        mean = first.weight.new_tensor(spec.mean)
        with torch.no_grad():
            order = [0, 1, 2] if spec.colour == "BGR" else [2, 1, 0]
            scale = (_PIXEL_SCALE / (255 * std)).flip(0)  # of blue, green, red
            first.weight.copy_(first.weight[:, order] * scale.view(1, 3, 1, 1))
        self.subtract_mean = bool(mean.any())
        self.register_buffer("mean", mean.flip(0).view(1, 3, 1, 1) * (255 / _PIXEL_SCALE))
        fold_normalisation(network)
        fold_merges(network)
        self.requires_grad_(False)

    def pictures(self, crops: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 BGR -> (B, 3, H, W), what the first convolution takes."""
        x = crops.permute(0, 3, 1, 2).to(self.mean.dtype) * self.pixel_scale
        return x - self.mean if self.subtract_mean else x

    def forward(self, crops: Tensor, stacks: int | None = None) -> list[Tensor]:
        x = self.pictures(crops)
        answers: list[Tensor] = self.network.forward_stacks(x, stacks)  # type: ignore[operator]
        # Half precision is too coarse for a sum of thousands of small terms.
        answers = [maps.float() for maps in answers]
        return [probabilities(maps) for maps in answers] if self.logits else answers


@torch.inference_mode()
def reference_maps(network: nn.Module, spec: ModelSpec, crops: Tensor) -> Tensor:
    """(B, S, K, h, w) in plain float32 torch: what every engine is compared with."""
    maps: Tensor = network.float().eval()(normalised(crops, spec))
    return probabilities(maps) if spec.output == "logits" else maps
