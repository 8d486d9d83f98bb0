"""A fuzzer led by coverage: bytes become files, and nothing but a `TextclfError` may come of reading them."""
