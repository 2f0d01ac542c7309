"""Engines run a network: OpenVINO (CPU, Intel graphics) and PyTorch (CUDA, MPS, CPU)."""
