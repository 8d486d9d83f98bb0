"""Labelling archives: the input is parted into blocks, each of which is labelled and written whole, by any engine."""
