"""Files: annotated and raw video, keypoint logs, their export, check and repair."""
