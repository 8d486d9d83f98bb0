"""Explaining a model's labels to people: which paragraphs are explained for which labels, and a page that shows it."""
