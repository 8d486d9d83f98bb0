"""Fifty kills at random moments: what goes on from them ends at the same weights, to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DRILL = """
    import json, sys
    from pathlib import Path
    import torch
    from safetensors.torch import load_file
    from tests.kills import begin, drill, ended
    from tests.models import make_encoder

    folder, what, wanted = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    encoder = make_encoder(folder / "encoder")
    torch.set_num_threads(1)

    def finetune(out, every=0.0):
        from tests.test_checkpoints import _fit
        from textclf.models.checkpoints import checkpoints_in

        with checkpoints_in(folder / "kept", every=every):
            model = _fit(encoder)
        out.mkdir()
        model.save(out)

    def pretrain(out, every=0.0):
        import textclf.pretrain as job
        from tests.conftest import make_articles
        from tests.test_pretrain import make_maskable, run
        from textclf.models.checkpoints import checkpoints_in

        if not (folder / "maskable").exists():
            make_maskable(folder / "maskable")
            (folder / "corpus").mkdir()
            lines = [json.dumps(article.to_json()) for article in make_articles(12)]
            (folder / "corpus" / "articles.jsonl").write_text("\\n".join(lines))
        job.checkpoints_in = lambda place: checkpoints_in(folder / "kept", every=every)
        run(folder / "maskable", folder / "corpus", out, epochs=2)

    work = {"finetune": finetune, "pretrain": pretrain}[what]
    whole = {}

    def same(out):
        found = load_file(out / "model.safetensors")
        if not whole:
            whole.update(found)
        assert found.keys() == whole.keys()
        assert all(torch.equal(found[name], value) for name, value in whole.items())

    assert ended(begin(lambda out: work(out, 1e9), folder / "undisturbed")) == 0
    same(folder / "undisturbed")
    print(json.dumps(vars(drill(work, folder, wanted=wanted, seed=8, check=same))))
"""


def killed(folder: Path, what: str, wanted: int) -> dict[str, int]:
    """Kill trainings so often, in a process of its own that has not computed anything yet, and return the counts."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRILL), str(folder), what, str(wanted)],
        cwd=ROOT,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    print(what, found)
    return found


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def test_a_training_killed_at_five_moments_ends_at_the_same_weights(tmp_path: Path) -> None:
    found = killed(tmp_path, "finetune", 5)
    assert found["kills"] == 5
    assert found["partial"] == 0
    assert found["runs"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["finetune", "pretrain"])
def test_a_training_killed_at_fifty_moments_ends_at_the_same_weights(what: str, tmp_path: Path) -> None:
    found = killed(tmp_path, what, 50)
    assert found["kills"] == 50
    assert found["partial"] == 0
    assert found["resumed"] > 0
    assert found["runs"] >= 1
