"""The same model behind LitServe, with its batches: at most 32 requests, which wait 5 ms for each other.

    python scripts/bench/serving_litserve.py MODEL PORT

Run by a Python that has `litserve` and what the model needs.
"""

import sys
from pathlib import Path
from typing import Any

import litserve


class Texts(litserve.LitAPI):
    """Requests of paragraphs; a batch holds those of several requests."""

    def setup(self, device: str) -> None:
        """Load the model."""
        import textclf

        self.model = textclf.load(Path(sys.argv[1]))

    def decode_request(self, request: dict[str, Any]) -> list[str]:
        """Return a request's paragraphs."""
        return list(request["texts"])

    def batch(self, inputs: list[list[str]]) -> list[list[str]]:
        """Return requests as they are: they differ in length."""
        return inputs

    def predict(self, requests: list[list[str]]) -> list[list[dict[str, float]]]:
        """Return each request's scores, from one call of the model."""
        rows = iter(self.model.predict_proba([text for texts in requests for text in texts]))
        names = list(self.model.labels)
        return [[dict(zip(names, map(float, next(rows)), strict=True)) for _ in texts] for texts in requests]

    def unbatch(self, output: list[Any]) -> list[Any]:
        """Return the answers one by one."""
        return output

    def encode_response(self, output: list[dict[str, float]]) -> list[dict[str, float]]:
        """Return an answer as it is."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Texts(max_batch_size=32, batch_timeout=0.005), accelerator="cpu", timeout=120)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")
