"""From a frame to joints: crop, decode, track, smooth. numpy and OpenCV only, never torch."""
