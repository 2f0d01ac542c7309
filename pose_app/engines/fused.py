"""A network with preprocessing and softmax in one torch graph: uint8 BGR crops to heatmaps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..network.hourglass import Residual, Stack, Stem
from ..spec import ModelSpec

# A batch normalisation directly after a convolution is folded into it. The first one of a
# pre-activation residual block cannot be: its input is also the block's skip connection.
_CONV_THEN_NORM: tuple[tuple[type[nn.Module], tuple[tuple[str, str], ...]], ...] = (
    (Residual, (("conv1", "bn2"), ("conv2", "bn3"))),
    (Stem, (("conv", "bn"),)),
    (Stack, (("feature", "feature_bn"),)),
)

_PIXEL_SCALE = 128.0


def normalised(crops: Tensor, spec: ModelSpec) -> Tensor:
    """(B, H, W, 3) uint8 BGR -> (B, 3, H, W) float32 as the spec says; the unfused reference."""
    x = crops.permute(0, 3, 1, 2).float().div(255)
    mean, std = (crops.new_tensor(v, dtype=torch.float32) for v in (spec.mean, spec.std))
    x = (x.flip(1) - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    return x.flip(1) if spec.colour == "BGR" else x


def probabilities(logits: Tensor) -> Tensor:
    """Softmax over the pixels of each map and one more logit, fixed at 0, that means *absent*.

    (..., h, w) -> (..., h, w); each map sums to the probability that the joint is in the image.
    """
    flat = logits.flatten(-2)
    flat = functional.softmax(functional.pad(flat, (0, 1)), dim=-1)[..., :-1]
    return flat.reshape(logits.shape)


def fold_normalisation(network: nn.Module) -> None:
    """Fold batch normalisations into the convolutions before them, in place."""
    for module in network.modules():
        for kind, pairs in _CONV_THEN_NORM:
            if isinstance(module, kind):
                for conv, norm in pairs:
                    fused = fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
                    setattr(module, conv, fused)
                    setattr(module, norm, nn.Identity())


def fold_merges(network: nn.Module) -> None:
    """Fold `merge_heatmaps` of every stack into its `merge_feature`, in place.

    Heatmaps h(f) are a linear function of the feature f, so both 1x1 convolutions into the trunk
    become one: M h(f) + F f = (M h + F) f. Saves 3 % of a stack.
    """
    for stack in network.modules():
        if not isinstance(stack, Stack) or stack.merge_feature is None:
            continue
        head, feature, heatmaps = stack.head, stack.merge_feature, stack.merge_heatmaps
        assert heatmaps is not None
        with torch.no_grad():
            product = heatmaps.weight[:, :, 0, 0].double() @ head.weight[:, :, 0, 0].double()
            feature.weight += product[:, :, None, None].to(feature.weight)
            head_bias, feature_bias = head.bias, feature.bias
            assert head_bias is not None
            assert feature_bias is not None
            feature_bias += heatmaps(head_bias.view(1, -1, 1, 1)).flatten()
        stack.merge_heatmaps = _Zero()  # type: ignore[assignment]


class _Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(())


class FusedNetwork(nn.Module):
    """forward((B, H, W, 3) uint8 BGR, stacks) -> S times (B, K, h, w) as the spec's output says.

    Modifies `network` and owns it. The division by 255 and by the standard deviation and the colour
    order are folded into the first convolution, except for a factor of 128 that keeps its weights
    away from the smallest numbers of half precision. The mean is subtracted before, because the
    convolution pads the normalised image with zeros.
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
        """(B, H, W, 3) uint8 BGR -> (B, 3, H, W), the input of the first convolution."""
        x = crops.permute(0, 3, 1, 2).to(self.mean.dtype) * self.pixel_scale
        return x - self.mean if self.subtract_mean else x

    def forward(self, crops: Tensor, stacks: int | None = None) -> list[Tensor]:
        x = self.pictures(crops)
        outputs: list[Tensor] = self.network.forward_stacks(x, stacks)  # type: ignore[operator]
        # The softmax sums thousands of small terms, for which half precision is too coarse.
        outputs = [maps.float() for maps in outputs]
        return [probabilities(maps) for maps in outputs] if self.logits else outputs


@torch.inference_mode()
def reference_maps(network: nn.Module, spec: ModelSpec, crops: Tensor) -> Tensor:
    """(B, S, K, h, w) of plain float32 torch, which every engine is compared with."""
    maps: Tensor = network.float().eval()(normalised(crops, spec))
    return probabilities(maps) if spec.output == "logits" else maps
