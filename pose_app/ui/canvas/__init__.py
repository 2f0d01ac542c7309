"""The widget that paints the picture with skeletons and heatmap."""
