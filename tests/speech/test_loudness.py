"""Loudness: measured as the standard says, and the same for the sentences of every engine."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_runtime.errors import SpeechError
from pi_runtime.speech import SpeechConfig, SpeechSession
from pi_runtime.speech.defaults import LOUDNESS
from pi_runtime.speech.engines import ENGINES
from pi_runtime.speech.loudness import (
    CEILING,
    FULL_SCALE,
    MAX_GAIN,
    _weighting,
    levelled,
    loudness_of,
    true_peak_of,
)
from pi_runtime.speech.pcm import Pcm
from tests.helpers.speech import TONE, need_engine

RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)

Floats = npt.NDArray[np.float64]


def pcm(samples: Floats, rate: int) -> Pcm:
    """Return samples of a full scale of 1 as sound."""
    return Pcm(rate, (samples * 32767).round().clip(-32768, 32767).astype("<i2").tobytes())


def sine(
    decibels: float, seconds: float, rate: int, hertz: float = 1_000, phase: float = 0
) -> Floats:
    at = np.arange(round(seconds * rate)) / rate
    return np.asarray(10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * at + phase))


def decibels(factor: float) -> float:
    return 20 * math.log10(factor)


def highest_between(sound: Pcm) -> float:
    """Return the highest peak of the sound at eight times its rate: another meter than ours."""
    samples = np.frombuffer(sound.samples, "<i2") / FULL_SCALE
    size = len(samples)
    return float(np.abs(np.fft.irfft(np.fft.rfft(samples), 8 * size) * 8).max())


# --- the meter -----------------------------------------------------------------------------------


def test_k_weighting_is_that_of_the_standards_tables() -> None:
    """ITU-R BS.1770-4, tables 1 and 2: the coefficients of both filters at 48 kHz."""
    size = 48_000
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    shelf = (1.53512485958697 - 2.69169618940638 * delay + 1.19839281085285 * delay**2) / (
        1 - 1.69065929318241 * delay + 0.73248077421585 * delay**2
    )
    high_pass = (1 - 2 * delay + delay**2) / (
        1 - 1.99004745483398 * delay + 0.99007225036621 * delay**2
    )
    ours, theirs = abs(_weighting(48_000, size)), abs(shelf * high_pass)
    assert 20 * np.log10(ours[10:] / theirs[10:]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [0, -20, -23, -40])
def test_a_sine_of_997_hz_in_one_channel_has_3_dB_less_than_its_peak(
    rate: int, level: float
) -> None:
    """As BS.1770-4 says: 0 dBFS are -3.01 LKFS."""
    measured = loudness_of(pcm(sine(level, 5, rate, 997), rate))
    assert measured == pytest.approx(level - 3.01, abs=0.1)


# Of EBU Tech 3341, cases 1 to 4; by one channel instead of two: 3.01 less.
@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    ],
)
def test_what_is_quiet_or_silent_is_not_counted(
    steps: list[tuple[float, float]], expected: float
) -> None:
    sound = np.concatenate([sine(level, seconds, 48_000) for level, seconds in steps])
    assert loudness_of(pcm(sound, 48_000)) == pytest.approx(expected - 3.01, abs=0.1)


# Of EBU Tech 3341, cases 15 to 19: +0.2, -0.4 dB.
@pytest.mark.parametrize(
    ("part", "phase", "expected"),
    [(4, 0, -6), (4, 45, -6), (6, 60, -6), (8, 67.5, -6), (4, 45, 3)],
)
def test_a_peak_between_two_samples_is_found(part: int, phase: float, expected: float) -> None:
    rate = 48_000
    samples = sine(expected, 1, rate, rate / part, math.radians(phase))
    fade = np.minimum(1, np.arange(len(samples)) / 500)
    measured = decibels(true_peak_of(pcm(samples * fade * fade[::-1], rate)))
    assert expected - 0.4 <= measured <= expected + 0.2


def test_a_sound_shorter_than_a_block_is_measured_as_one() -> None:
    for seconds in (0.05, 0.2, 0.399):
        assert loudness_of(pcm(sine(-20, seconds, 16_000), 16_000)) == pytest.approx(-23, abs=0.5)
    assert loudness_of(Pcm(16_000, b"")) == loudness_of(Pcm.silence(1, 16_000)) == -math.inf
    assert loudness_of(Pcm.faint_noise(1, 16_000)) == -math.inf, "the gate is at -70 LUFS"


# --- the leveller --------------------------------------------------------------------------------


def drawn(kind: str, peak: float, size: int, random: np.random.Generator) -> Floats:
    at = np.arange(size)
    if kind == "noise":
        return random.uniform(-peak, peak, size)
    if kind == "clicks":
        return peak * (random.uniform(size=size) > 0.999)
    if kind == "offset":
        return np.full(size, float(peak))
    wave = np.sin(at * random.uniform(0.01, 3))
    return np.asarray(peak * (np.sign(wave) if kind == "square" else wave))


@st.composite
def sounds(draw: st.DrawFn) -> Pcm:
    """Any sound: noise, clicks, offsets, full scale, of any length."""
    rate = draw(st.sampled_from(RATES))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(0, 20_000))
    peak = draw(st.sampled_from([0, 1, 8, 100, 3_000, 32_767]))
    kind = draw(st.sampled_from(["noise", "square", "clicks", "offset", "sine"]))
    samples = drawn(kind, peak, size, random)
    return Pcm(rate, samples.round().astype("<i2").tobytes())


@given(sounds(), st.sampled_from([0.0, -40.0, -19.0, -10.0, -1.0]), st.sampled_from([0.1, 1, 10]))
def test_whatever_the_sound_nothing_clips_and_noise_stays_below_a_bound(
    sound: Pcm, target: float, volume: float
) -> None:
    result = levelled(sound, target, volume)
    assert (result.rate, len(result.samples)) == (sound.rate, len(sound.samples))
    before, after = (abs(np.frombuffer(s.samples, "<i2").astype(int)) for s in (sound, result))
    assert after.max(initial=0) <= round(CEILING * FULL_SCALE)
    assert (after <= before * MAX_GAIN * volume + 0.5).all(), "and silence stays silence"
    assert levelled(sound, target, volume) == result


@pytest.mark.parametrize("level", [-50, -35, -19, -6, 0])
def test_a_sound_gets_the_loudness_that_is_asked_for_if_the_gain_suffices(level: float) -> None:
    for target in (-30, -23, -19, -16):
        sound = levelled(pcm(sine(level, 2, 16_000), 16_000), target)
        reached = min(target, level - 3.01 + decibels(MAX_GAIN))
        assert loudness_of(sound) == pytest.approx(reached, abs=0.3)


def test_the_volume_comes_on_top() -> None:
    for volume in (0.1, 0.5, 2):
        sound = levelled(TONE, -24, volume)
        assert loudness_of(sound) == pytest.approx(-24 + decibels(volume), abs=0.3)
    assert decibels(true_peak_of(levelled(TONE, -24, 10))) <= -0.9


def test_a_peak_is_turned_down_and_what_is_far_from_it_is_not() -> None:
    samples = sine(-20, 1, 16_000)
    samples[8_000:8_010] = 0.9
    before = pcm(samples, 16_000)
    after = levelled(before, -12)
    far = slice(0, 7_000)  # of the samples; the peak is at 8,000
    gains = np.frombuffer(after.samples, "<i2")[far].std() / 32768 / samples[far].std()
    assert decibels(gains) == pytest.approx(-12 - loudness_of(before), abs=1.5)
    assert decibels(highest_between(after)) <= -0.7
    assert loudness_of(after) == pytest.approx(-12, abs=0.3)


# --- engines -------------------------------------------------------------------------------------

SENTENCES = {
    "en": """\
Good evening.
The evening was warm, and the river lay quiet under the old stone bridge.
Yes.
Nobody knew why the lamp was still burning at four in the morning.
What a strange place to build a lighthouse!
She counted to twelve, and then she opened the door.
Is it far?
A small dog barked twice and ran across the frozen field.
He said that the answer was forty two, and nothing more.
Please take the stairs on the left.
The train from the north will be twenty minutes late today.
I do not think so.
Winter came early, with snow on the hills and ice on every window.
Sing it again, but slowly this time.
There was no wind at all.
The market opens at nine, and the best bread is gone by ten.
Hush!
My grandmother kept her letters in a blue tin box.
In the end, the machine spoke for itself.
Thank you, and good night.""".splitlines(),
    "ru": """\
Добрый вечер.
Вечер был тёплый, и река тихо лежала под старым каменным мостом.
Да.
Никто не знал, почему лампа горит в четыре часа утра.
Какое странное место для маяка!
Она сосчитала до двенадцати и открыла дверь.
Далеко ли?
Маленькая собака дважды залаяла и побежала через замёрзшее поле.
Он сказал, что ответ сорок два, и больше ничего.
Пожалуйста, поднимитесь по лестнице налево.
Поезд с севера сегодня опоздает на двадцать минут.
Я так не думаю.
Зима пришла рано, со снегом на холмах и льдом на каждом окне.
Спой это ещё раз, но теперь медленно.
Ветра совсем не было.
Рынок открывается в девять, и лучший хлеб кончается к десяти.
Тише!
Моя бабушка хранила письма в синей жестяной коробке.
В конце концов машина заговорила сама.
Спасибо, и спокойной ночи.""".splitlines(),
}


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in ("command", "none")])
def test_the_sentences_of_every_engine_have_one_loudness_and_none_clips(
    engine: str, language: str
) -> None:
    if not any(voice.language.startswith(language) for voice in ENGINES[engine].voices()):
        pytest.skip(f"no voice of {engine} for {language} is installed")
    with SpeechSession(SpeechConfig(engine=engine, language=language)) as session:
        measured = 0
        for sentence in SENTENCES[language]:
            try:
                sound = session.synthesize(sentence)
            except SpeechError:  # pyttsx3 now and then writes no file
                continue
            assert sound
            measured += 1
            assert loudness_of(sound) == pytest.approx(LOUDNESS, abs=0.5), sentence
            assert decibels(highest_between(sound)) < -0.7, sentence
    assert measured >= 15


def test_without_a_loudness_a_sentence_is_as_its_engine_made_it() -> None:
    need_engine("espeak-ng", "en")
    with SpeechSession(SpeechConfig(engine="espeak-ng", loudness=0)) as session:
        plain = session.synthesize("Good evening.")
    with SpeechSession(SpeechConfig(engine="espeak-ng")) as session:
        changed = session.synthesize("Good evening.")
    assert plain
    assert plain != changed
    assert changed == levelled(plain, LOUDNESS)


def test_silence_stays_silence() -> None:
    with SpeechSession(SpeechConfig(engine="none")) as session:
        sound = session.synthesize("Good evening.")
    assert sound
    assert not any(sound.samples)
