"""A model behind HTTP: what `textclf serve` runs. It needs the extra `serve`."""
