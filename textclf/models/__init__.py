"""The models: what each kind is (`interface`), which there are (`registry`), and one file a kind."""
