"""From a frame to joints: crop, decode, track, smooth. NumPy and OpenCV only, no torch."""
