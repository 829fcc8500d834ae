"""What the service replies to each request."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from pi_runtime import SamplingParams, TextGenerator
from pi_runtime.errors import UsageError
from pi_runtime.service.cost import BATCH
from tests.helpers.service import Service, needs_espeak

pytestmark = needs_espeak


def test_it_generates_what_the_model_does(service: Service, model: Path) -> None:
    reply = service.ask("generate", n=3, temperature=[0.9], seed=5, max_gen_length=40)
    texts = TextGenerator.load(model, backend="numpy")
    assert reply["texts"] == texts.generate(3, temperature=0.9, seed=5, max_gen_length=40)


def test_more_texts_than_are_computed_at_once_are_the_models_too(
    service: Service, model: Path
) -> None:
    texts = TextGenerator.load(model, backend="numpy")
    for n, prefix in ((BATCH + 5, "аб"), (3, "а" * 50)):
        reply = service.ask(
            "generate", n=n, prefix=prefix, seed=5, max_gen_length=40, finish_sentence=False
        )
        assert reply["texts"] == texts.generate(n, prefix, seed=5, max_gen_length=40)


def test_it_says_a_given_text(service: Service) -> None:
    reply = service.ask("say", text="Hello there. How are you?")
    assert reply["told"] == ["Hello there.", "How are you?"]
    assert (reply["ok"], reply["sentences"], reply["stopped"]) == (True, 2, False)
    assert service.sound.stat().st_size > 16_000
    service.wait_log(r'spoke \(espeak-ng, given\): "Hello there. How are you\?"')


def test_it_speaks_a_generated_text_and_logs_its_seed(service: Service, model: Path) -> None:
    reply = service.ask("speak", seed=9, temperature=0.9, max_gen_length=30)
    texts = TextGenerator.load(model, "numpy")
    params = SamplingParams(0.9, 30, finish_sentence=True, skip_fragment=True, unescape=True)
    (text,) = texts.generate(seed=9, params=params)
    assert reply["seed"] == 9
    assert "".join("".join(reply["told"]).split()) == "".join(text.split())
    said = json.dumps(text, ensure_ascii=False)
    service.wait_log(re.escape(f"spoke (espeak-ng, seed 9): {said}"))


def test_a_client_that_only_stopped_sending_is_answered(service: Service) -> None:
    with service.connect() as link:
        link.sendall(b'{"v": 1, "do": "say", "text": "Hello."}\n')
        link.shutdown(socket.SHUT_WR)
        lines = [json.loads(line) for line in link.makefile("rb")]
    assert lines[0] == {"sentence": "Hello."}
    assert lines[-1]["ok"] is True


@pytest.mark.parametrize(
    "wrong", [{"temperature": "0.5"}, {"temperature": [0.5, -1]}, {"max_gen_length": 5.5}]
)
def test_wrong_sampling_is_refused_in_the_words_of_the_library(
    service: Service, wrong: dict[str, object]
) -> None:
    with pytest.raises(UsageError) as said:
        SamplingParams(**wrong)  # type: ignore[arg-type]
    for do in ("generate", "speak"):
        reply = service.ask(do, **wrong)
        assert reply == {"ok": False, "error": str(said.value), "code": 2, "told": []}
    service.wait_log(re.escape(str(said.value)))
