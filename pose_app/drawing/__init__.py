"""Draws results into images, without Qt: shared by the canvas, its panels and recordings."""
