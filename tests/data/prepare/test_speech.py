"""Synthetic speech by the real espeak-ng, in exactly the layout that the loader reads."""

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import data
from harness.cli.commands import main
from harness.data.prepare import MARKER, espeak
from harness.data.prepare.espeak import Library, Say
from harness.data.prepare.noises import background
from harness.data.speech.sound import wav
from harness.data.speech.sound.noise import NOISE
from harness.data.speech.speech_commands import SpeechCommands, which_split
from harness.data.speech.speech_folder import SpeechFolder
from harness.errors import DataError

OPTIONS = ["--voices", "5", "--takes", "2", "--words", "yes,no,bed"]


def prepare(out: Path, *options: str) -> Path:
    assert main(["data", "prepare", "speech", "--out", str(out), *OPTIONS, *options]) == 0
    return out


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("speech") / "made")


@pytest.fixture(scope="module")
def marker(made):
    return json.loads((made / MARKER).read_text())


def test_the_layout_is_that_of_the_archive(made):
    names = files(made)
    clips = [name for name in names if name.count("_nohash_")]
    assert len(clips) == 5 * 2 * 3
    assert {name.split("/")[0] for name in clips} == {"yes", "no", "bed"}
    assert len([name for name in names if name.startswith(f"{NOISE}/")]) == 4
    others = {name for name in names if "/" not in name}
    assert others == {MARKER, "README.md", "testing_list.txt", "validation_list.txt"}
    for name in clips:
        header = np.frombuffer(names[name][20:36], "<u2")
        assert header[:2].tolist() == [1, 1], "PCM, mono"
        assert int.from_bytes(names[name][24:28], "little") == 16_000
        assert len(wav.read(names[name], name)) == 16_000
        assert np.abs(wav.read(names[name], name)).max() > 2**15 * 10 ** (-19 / 20)


def test_whole_voices_are_held_out_and_the_lists_name_their_clips(made, marker):
    clips = [name for name in files(made) if "_nohash_" in name]
    by_split = [{name for name in clips if which_split(name) == split} for split in range(3)]
    assert [len({name[-21:-13] for name in names}) for names in by_split] == [3, 1, 1]
    for split, listed in ((1, "validation_list.txt"), (2, "testing_list.txt")):
        assert (made / listed).read_text().splitlines() == sorted(by_split[split])
    variants = [name.split("+")[1] for name in marker["voices"].values()]
    assert len(set(variants)) == 5, "no two voices share their formants"


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(made, tmp_path):
    assert files(prepare(tmp_path / "again")) == files(made)
    other = files(prepare(tmp_path / "other", "--seed", "1"))
    assert not set(other) & {name for name in files(made) if "_nohash_" in name}


def test_takes_differ_in_length_and_level(made):
    sounds = [wav.read(content, n) for n, content in files(made).items() if n.startswith("yes/")]
    assert len({int(np.abs(sound).max()) for sound in sounds}) == len(sounds)


def test_the_loader_says_that_the_speech_is_synthetic(made, marker):
    assert marker["synthetic"] is True
    assert marker["package"] == "espeakng-loader 0.2.4"
    commands = SpeechCommands(
        name="speech_commands", source="raw", data_dir=str(made), words=["yes", "no"]
    )
    data.require(commands)
    loaded = data.load(commands)
    assert loaded.source.startswith("synthetic speech (espeak-ng 1.52.0): ")
    # 3, 1 and 1 voices say two words twice; a tenth each of silence and unknown, rounded up
    sizes = [len(part) for part in (loaded.train_split, loaded.validation_split, loaded.test_split)]
    assert sizes == [12 + 2 + 2, 4 + 1 + 1, 4 + 1 + 1]
    folder = SpeechFolder(name="speech_folder", source="folder", data_dir=str(made))
    assert data.load(folder).source.startswith("synthetic speech (espeak-ng 1.52.0): 30 clips")


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        ("yes,no,bed", "dataset.words=[yes,no]"),
        ("yes,no", "dataset=speech_folder"),
        ("bed,cat", "dataset=speech_folder"),
    ],
)
def test_what_it_says_to_use_it_with_is_accepted(tmp_path, capsys, words, classes):
    out = tmp_path / "my data"
    prepare(out, "--words", words)
    (line,) = (text for text in capsys.readouterr().out.splitlines() if "use it with" in text)
    overrides = shlex.split(line.removeprefix("use it with "))
    assert classes in overrides
    assert main(["data", *overrides]) == 0
    assert "synthetic speech" in capsys.readouterr().out


def test_a_damaged_marker_is_refused(made, tmp_path):
    copy = prepare(tmp_path / "copy")
    (copy / MARKER).write_text("{")
    config = SpeechCommands("speech_commands", "raw", str(copy), words=["yes", "no"])
    with pytest.raises(DataError, match=f"{MARKER}: damaged"):
        data.require(config)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--voices", "2"], "--voices=2: accepted: 3"),
        (["--voices", "1000"], r"--voices=1000: accepted: 3 \(one for each split\) to 104"),
        (["--takes", "0"], "--takes=0: accepted: 1 or more"),
        (["--seed", "-1"], "--seed=-1: accepted"),
        (["--words", "yes,../no"], r"--words=yes,../no: accepted: words in small letters"),
        (["--words", "yes,yes"], "each once"),
    ],
)
def test_impossible_options_are_refused_in_a_line(tmp_path, capsys, options, complaint):
    out = tmp_path / "out"
    assert main(["data", "prepare", "speech", "--out", str(out), *OPTIONS, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(complaint, line)
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak.importlib.util, "find_spec", lambda name: None)
    assert main(["data", "prepare", "speech", "--out", str(tmp_path / "out")]) == 2
    assert "espeakng-loader package is not installed; pip install" in capsys.readouterr().err


class TestSpeak:
    def test_a_word_is_louder_than_nothing(self):
        spoken = espeak.speak(espeak.installed(), "en-us+f2", [Say("yes", 150, 50, 50)])
        (sound,) = spoken.sounds
        assert spoken.rate == 22_050
        assert 0.2 < len(sound) / spoken.rate < 0.8
        assert np.abs(sound).max() > 5_000

    def test_speed_and_pitch_are_heard(self):
        says = [Say("yes", 120, 50, 50), Say("yes", 240, 50, 50), Say("yes", 120, 90, 50)]
        slow, fast, high = espeak.speak(espeak.installed(), "en-us", says).sounds
        assert len(fast) < 0.8 * len(slow)
        assert not np.array_equal(slow, high)

    def test_an_unknown_voice_is_refused(self):
        with pytest.raises(DataError, match=r"espeak-ng: xx failed \(no voice xx\)"):
            espeak.speak(espeak.installed(), "xx", [])

    def test_a_broken_library_is_an_error_message(self, tmp_path):
        broken = tmp_path / "libespeak-ng.so"
        broken.write_bytes(b"no library")
        with pytest.raises(DataError, match=r"espeak-ng: en-us failed \(OSError"):
            espeak.speak(Library(broken, tmp_path), "en-us", [])

    def test_a_crash_is_an_error_message(self, tmp_path, monkeypatch):
        crashing = tmp_path / "python"
        crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
        crashing.chmod(0o755)
        monkeypatch.setattr(espeak.sys, "executable", str(crashing))
        with pytest.raises(DataError, match=r"espeak-ng: en-us failed \(killed by signal 11\)"):
            espeak.speak(espeak.installed(), "en-us", [])


def test_noises_have_their_colour():
    found = dict(background(2, seed=3))
    assert list(found) == ["white_noise", "pink_noise", "brown_noise", "mains_hum"]
    for sound in found.values():
        assert (sound.dtype, len(sound)) == (np.int16, 32_000)
        assert np.abs(sound).max() == 2**14
    power = {name: np.abs(np.fft.rfft(sound)) ** 2 for name, sound in found.items()}
    low, high = slice(2 * 100, 2 * 200), slice(2 * 3_200, 2 * 6_400)  # five octaves apart
    for name, decibels in (("white_noise", 0), ("pink_noise", 15), ("brown_noise", 30)):
        fall = 10 * np.log10(power[name][low].mean() / power[name][high].mean())
        assert fall == pytest.approx(decibels, abs=2)
    assert power["mains_hum"].argmax() == 2 * 50
