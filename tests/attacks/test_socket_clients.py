"""Known attacks on the control socket, each by a client that may ask: a member of the group."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_runtime.model import vocabulary
from pi_runtime.model.vocabulary import Vocabulary
from pi_runtime.service.limits import TOKENS, USER_WORKING, WAITING
from tests.helpers.checkpoints import packed_model, small_network, small_vocab
from tests.helpers.service import Pending, Service, running, wait_for

LONG = {"max_gen_length": TOKENS, "temperature": 1.0}
"""As much as one may ask for, of a single_text model, whose texts do not end by themselves."""


@pytest.fixture(scope="module")
def one_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    model = folder / "m.tflite"
    model.write_bytes(packed_model(small_network(classes=20), small_vocab(20, single_text=True)))
    with running(folder, model, "--on-demand", "--engine", "none", "--backend", "numpy") as service:
        yield service


@pytest.fixture
def service(one_service: Service) -> Iterator[Service]:
    """The same for every attack; none leaves a traceback in its log."""
    yield one_service
    one_service.ask("resume")
    one_service.ask("stop")
    assert "Traceback" not in one_service.log


def crowd(service: Service, stack: ExitStack, do: str, count: int) -> list[Pending]:
    return [stack.enter_context(service.begin(do, **LONG)) for _ in range(count)]


def test_a_temperature_that_underflows(service: Service) -> None:
    """`temperature` 1e-310 made every logit infinite: an exception in the generation thread, a
    traceback in the log, and a client that waited for ever."""
    refused = service.ask("generate", temperature=1e-310)
    assert refused["error"] == "temperature is 1e-310 – give 0, or at least 1e-307"
    assert service.ask("generate", temperature=1e-307, max_gen_length=5)["ok"]


def test_64_that_are_busy(service: Service) -> None:
    """64 clients whose requests were being worked on held every connection: `status`, and `stop`
    with it, were reset."""
    with ExitStack() as stack:
        busy = crowd(service, stack, "generate", 64)
        idle = [stack.enter_context(service.connect()) for _ in range(3 * WAITING)]
        assert service.ask("status")["ok"]
        assert service.ask("stop")["ok"]
        replies = [each.reply()["error"] for each in busy]
        assert sum(reply.startswith("stopped") for reply in replies) == USER_WORKING
        assert sum("of yours are being worked on" in reply for reply in replies) == 8
        del idle


@pytest.mark.parametrize("do", ["generate", "speak"])
def test_long_texts_for_clients_that_leave(service: Service, do: str) -> None:
    """119 requests of 100,000 tokens from clients that left were all computed, one after the other,
    before anybody else's."""
    for _ in range(3):
        with ExitStack() as stack:
            crowd(service, stack, do, 40)
    service.wait_status(waiting=0)
    wait_for(lambda: is_idle(service), seconds=60)  # all of them took minutes


def is_idle(service: Service) -> bool:
    """Return whether the service computes next to nothing for a while."""
    before = ticks(service)
    time.sleep(0.5)
    return ticks(service) - before <= 5


def ticks(service: Service) -> int:
    """Return the processor time that the service has taken, in hundredths of a second."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_long_texts_for_clients_that_stay(service: Service) -> None:
    """The same from clients that stay: another one's short text does not wait for theirs."""
    with ExitStack() as stack:
        busy = crowd(service, stack, "generate", 40)
        assert service.ask("generate", max_gen_length=100)["ok"]
        service.ask("stop")
        assert all(each.reply()["error"].startswith("stopped") for each in busy)


CROWD = """
import json, socket, sys
links = []
for do in ("generate", "speak") * 40:
    link = socket.socket(socket.AF_UNIX)
    link.connect(sys.argv[1])
    link.sendall(json.dumps({"v": 1, "do": do, "max_gen_length": 100000}).encode() + b"\\n")
    links.append(link)
for link in links[56:]:
    print(json.loads(link.recv(4096))["error"])
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_that_takes_all_there_is() -> None:
    """Places and computing are shared by user: the crowd of one keeps out only its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        model = folder / "m.tflite"
        model.write_bytes(
            packed_model(small_network(classes=20), small_vocab(20, single_text=True))
        )
        argv = ("--on-demand", "--engine", "none", "--backend", "numpy")
        with (
            running(folder, model, *argv) as service,
            subprocess.Popen(
                ["/usr/bin/python3", "-c", CROWD, str(service.address)],
                user=65534, group=0, extra_groups=[], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True,
            ) as crowd,
        ):  # fmt: skip
            assert crowd.stdin
            assert crowd.stdout
            refused = [crowd.stdout.readline() for _ in range(80 - USER_WORKING)]
            assert all("of yours are being worked on" in line for line in refused)
            assert service.ask("generate", max_gen_length=100)["ok"]
            assert service.ask("generate", max_gen_length=1000, n=2)["ok"]
            assert "from uid 65534" in service.log
            crowd.stdin.close()


def test_stop_ends_what_is_generated_and_waits_to_be_spoken(service: Service) -> None:
    """`stop` silenced the card, but what was being generated went on."""
    service.ask("pause")
    with ExitStack() as stack:
        speaking = crowd(service, stack, "speak", 20)
        service.wait_status(waiting=20)
        service.ask("stop")
        assert all(each.reply()["stopped"] is True for each in speaking)


def test_a_prefix_that_opens_a_quote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word level: behind `"` every further word looked at all words again. `"` and 4,900 words took
    4.8 s, four times as many sixteen times as long. Counted is what is looked at."""
    known = Vocabulary({"a": 1, '"': 2, "(": 3}, 4, word_level=True)
    looked_at = []
    spaced = vocabulary._spaced

    def counted(text: str) -> str:
        looked_at.append(len(text))
        return spaced(text)

    monkeypatch.setattr(vocabulary, "_spaced", counted)
    for prefix in ('"' + " a" * 4900, '( " a ' * 1600, '" a ' * 2500, '"' * 10_000):
        looked_at.clear()
        joiner = known.joiner()
        for token in known.split(prefix):
            joiner.push(token)
        joiner.finish()
        assert sum(looked_at) < 100 * len(prefix), prefix[:10]


def test_a_name_that_comes_13000_times(service: Service) -> None:
    """Looking for the one that comes twice must not compare each with each."""
    names = ",".join(f'"{number:x}":0' for number in range(5000))
    with service.connect() as link:
        link.sendall(b'{"v":1,"do":"status",' + names.encode() + b',"0":0}\n')
        assert "'0' twice" in json.loads(link.makefile("rb").readline())["error"]


def test_clients_that_break_off_in_every_way(service: Service) -> None:
    """A half line, a reset with a reply unread, garbage, silence: no traceback, no descriptor."""
    descriptors = service.descriptors()
    for ending in (b"", b'{"v": 1', b"\xff\x00\n" * 50, b'{"v":1,"do":"status"}\n' * 200):
        for _ in range(20):
            with service.connect() as link:
                link.sendall(ending)
    for _ in range(20):
        with service.connect() as link:
            link.sendall(b'{"v":1,"do":"generate","max_gen_length":2000}\n')
            link.shutdown(socket.SHUT_RD)
    wait_for(lambda: service.descriptors() <= descriptors)


def test_one_that_asks_and_never_reads(service: Service) -> None:
    """It was waited for, and kept its connection when it was given up."""
    line = b'{"v":1,"do":"status"}\n'
    with service.connect() as link:
        link.settimeout(1)
        with pytest.raises(TimeoutError):
            for _ in range(100_000):
                link.sendall(line * 100)
        assert service.ask("status")["ok"]


def test_what_a_client_says_does_not_reach_the_log_raw(service: Service, tmp_path: Path) -> None:
    with service.connect() as link:
        link.sendall(b'{"v":1,"do":"status","\\u001b[2J\\u202e":1}\n')
        assert json.loads(link.makefile("rb").readline())["ok"] is False
    for number in range(500):
        service.ask("say", text="x" * 10_001 + str(number))
    lines = service.log.splitlines()
    assert len(lines) < 300, "a flood is cut short"
    assert all(line.isprintable() and len(line) < 5000 for line in lines)
