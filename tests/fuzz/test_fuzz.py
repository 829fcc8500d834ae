"""The first mutants of every kind: whoever reads them neither crashes, hangs nor is misled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.cases import OFFENCES, Verdict, needs, open_fuzzer

# As many as take some fifteen seconds each.
COUNTS = {
    "archive": 150,
    "artefact": 80,
    "hdf5": 40,
    "protocol": 500,
    "shards": 150,
    "sidecars": 400,
    "ssh_command": 100,
    "text": 300,
    "text_log": 200,
    "training": 200,
}


@pytest.mark.parametrize("kind", COUNTS)
def test_no_mutant_crashes_hangs_traces_or_misleads_its_reader(kind: str, tmp_path: Path) -> None:
    for module in needs(kind):
        pytest.importorskip(module)
    outcomes = {}
    with open_fuzzer(kind, tmp_path) as fuzzer:
        for number in range(COUNTS[kind]):
            outcomes[number] = fuzzer.run(number)
            if outcomes[number].verdict is Verdict.HANG:
                outcomes[number] = fuzzer.run(number)  # a busy machine hangs once
    offences = {n: o for n, o in outcomes.items() if o.verdict in OFFENCES}
    assert not offences, "\n".join(
        f"{number}: {outcome.verdict.value}: {outcome.what}" for number, outcome in offences.items()
    )
    # Neither is everything refused at the door, nor nothing.
    assert len({outcome.verdict for outcome in outcomes.values()}) == 2
