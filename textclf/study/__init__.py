"""The study behind `textclf tune`: where trials are kept, what became of each, and what is written of them."""
