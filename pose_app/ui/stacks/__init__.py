"""The stacks panel: what each stack of the hourglass network predicts, side by side."""
