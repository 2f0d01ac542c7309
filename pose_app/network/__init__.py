"""The stacked hourglass network and the files it is stored in. The only room that must have torch."""
