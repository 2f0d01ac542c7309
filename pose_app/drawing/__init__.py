"""How a result looks, without a window: what the canvas, its panels and recordings share."""
