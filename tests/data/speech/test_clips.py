"""Batches of clips: cached without augmentation, varied by (seed, step) with it."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from harness.data import space
from harness.data.base import Split
from harness.data.speech.sound.augment import Variation, _resampled
from harness.data.speech.sound.clips import SpeechData, scaled
from harness.data.speech.sound.options import AugmentationOptions
from harness.errors import ConfigError
from harness.models.layers.front_end import Mfcc
from tests.data.speech.speech_files import noise, tone


def clips(count):
    sounds = np.zeros((count, 16_000), np.int16)
    for number, sound in enumerate(sounds):
        sound[4_000:8_800] = tone(200 + 40 * number)
    return Split(sounds, np.arange(count, dtype=np.int64))


def data(noises=(), features="mfcc", **augmentation):
    split, small = clips(12), clips(3)
    return SpeechData(
        *("tones", "0", "made here", tuple("abcdefghijkl"), split, small, small),
        features=features,
        augmentation=AugmentationOptions(**augmentation),
        noise=noises,
    )


VARIED = {"time_shift_ms": 100.0, "speed": 0.1, "gain_db": 6.0, "equalizer_db": 6.0}
VARIED |= {"noise_probability": 0.5, "noise_volume": 0.3}


def batches(loaded, seed, start, count):
    return [(x.numpy(), y.numpy()) for x, y in loaded.train(4, seed, start).take(count)]


@pytest.mark.parametrize("augmentation", [{}, VARIED])
def test_a_batch_is_decided_by_seed_and_step(augmentation):
    loaded = data((noise(),), **augmentation)
    for seed in (0, 5, 2**62 - 1):
        from_zero = batches(loaded, seed, 0, 7)
        for (x, y), (again, labels) in zip(batches(loaded, seed, 4, 3), from_zero[4:], strict=True):
            np.testing.assert_array_equal(y, labels)
            np.testing.assert_array_equal(x, again)


def test_sampled_features_are_those_of_the_sampled_sounds():
    loaded = dataclasses.replace(data(), test_split=clips(12))
    sounds = loaded.waveforms(4)
    np.testing.assert_array_equal(sounds, scaled(clips(12).inputs[[0, 3, 7, 11]]))
    np.testing.assert_allclose(loaded.sampled(4), Mfcc()(sounds), atol=1e-5)


def test_features_in_a_file_are_those_computed(tmp_path, monkeypatch):
    """Clips that are varied never lie there; held-out ones do."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    for varied, files in (({}, 2), (VARIED, 2)):
        plain = data((noise(),), **varied)
        for _ in range(2):  # computed, and found
            cached = dataclasses.replace(data((noise(),), **varied), cache="file")
            for one, two in zip(batches(cached, 1, 0, 4), batches(plain, 1, 0, 4), strict=True):
                np.testing.assert_array_equal(one[0], two[0])
            for one, two in zip(cached.test(2), plain.test(2), strict=True):
                np.testing.assert_array_equal(one[0], two[0])
        assert len([*tmp_path.glob("features-*/*.npy")]) == files


def test_features_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=r"dataset\.cache=file: .*accepted"):
        dataclasses.replace(data(), cache="file").train(4, 1)


def test_an_epoch_holds_every_clip_once_and_another_seed_another_order():
    loaded = data()
    orders = [np.concatenate([y for _, y in batches(loaded, seed, 0, 3)]) for seed in (1, 2)]
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert orders[0].tolist() != orders[1].tolist()


def test_without_augmentation_features_are_those_of_the_clip():
    loaded = data()
    for x, y in batches(loaded, 1, 0, 2):
        np.testing.assert_array_equal(x, Mfcc()(scaled(loaded.train_split.inputs[y])))
    assert loaded._trained() is loaded._trained(), "computed once"


def test_augmentation_varies_clips_from_epoch_to_epoch_but_never_the_evaluation():
    loaded = data((noise(),), **VARIED)
    seen = {}
    for x, y in batches(loaded, 1, 0, 6):  # two epochs
        for features, label in zip(x, y, strict=True):
            seen.setdefault(int(label), []).append(features)
    assert all(not np.array_equal(*pair) for pair in seen.values())
    evaluated = [(loaded.validation, loaded.validation_split), (loaded.test, loaded.test_split)]
    for split, part in evaluated:
        x, y = next(split(8).as_numpy_iterator())
        np.testing.assert_array_equal(x, Mfcc()(scaled(part.inputs)))
        np.testing.assert_array_equal(y, part.labels)


@pytest.mark.parametrize("name", [key for key in VARIED if not key.startswith("noise")])
def test_each_kind_of_augmentation_varies_clips_by_itself(name):
    loaded = data(**{name: VARIED[name]})
    for x, y in batches(loaded, 1, 0, 1):
        plain = Mfcc()(scaled(loaded.train_split.inputs[y])).numpy()
        assert not np.isclose(x, plain).all(axis=(1, 2, 3)).any()


def test_no_kind_of_augmentation_is_forgotten_here():
    assert set(VARIED) == {field.name for field in dataclasses.fields(AugmentationOptions)}


def test_waveforms_are_the_sounds_in_one():
    loaded = data(features="waveform")
    assert loaded.input_shape == (16_000,)
    x, y = batches(loaded, 1, 0, 1)[0]
    np.testing.assert_allclose(x, loaded.train_split.inputs[y] / 32768.0)
    assert data().input_shape == (49, 10, 1)


def test_the_last_batch_is_short_and_a_batch_too_large_is_refused():
    assert [len(y) for _, y in data().test(2)] == [2, 1]
    with pytest.raises(ConfigError, match=r"batch_size=13: tones has 12 training examples"):
        data().train(13, seed=0)


class TestVariation:
    def varied(self, waveforms, noises=(), steps=1, **augmentation):
        vary = Variation(AugmentationOptions(**augmentation), noises, seed=3)
        found = [vary(tf.constant(waveforms), tf.constant(step, tf.int64)) for step in range(steps)]
        return np.concatenate(found)

    def test_a_shift_moves_a_clip_and_fills_with_zeros(self):
        clicks = np.zeros((40, 16_000), np.float32)
        clicks[:, 8_000] = 1.0
        places = self.varied(clicks, time_shift_ms=100.0, steps=5).argmax(axis=1) - 8_000
        assert abs(places).max() <= 1_600
        assert places.min() < -1_200
        assert places.max() > 1_200
        ones = np.ones((40, 16_000), np.float32)
        moved = self.varied(ones, time_shift_ms=100.0)
        zeros = (moved == 0).sum(axis=1)
        assert zeros.max() <= 1_600
        np.testing.assert_array_equal(moved.sum(axis=1) + zeros, 16_000)

    def test_speed_moves_the_pitch(self):
        t = np.arange(16_000) / 16_000
        sounds = np.tile(np.sin(2 * np.pi * 1_000 * t).astype(np.float32), (30, 1))
        found = self.varied(sounds, speed=0.1)[:, :8_000]
        hertz = np.abs(np.fft.rfft(found)).argmax(axis=1) * 2
        assert 890 <= hertz.min() < 950
        assert 1_050 < hertz.max() <= 1_110

    def test_speed_interpolates_between_neighbours_and_zeros_outside(self):
        sounds = np.random.default_rng(0).uniform(-1, 1, (2, 16_000)).astype(np.float32)
        begin, speed = np.array([[-700.5], [900.25]]), np.array([[1.0625], [0.9375]])
        found = _resampled(
            tf.constant(sounds), *(tf.constant(x, tf.float32) for x in (begin, speed))
        )
        times = begin + speed * np.arange(16_000)
        for sound, row, wanted in zip(found, times, sounds, strict=True):
            padded = np.pad(wanted, 1)  # a zero before and after
            expected = np.interp(row, np.arange(-1, 16_001), padded, left=0, right=0)
            # float32 holds a time of seconds to a thousandth of a sample.
            np.testing.assert_allclose(sound, expected, atol=5e-3)

    def test_gain_is_in_decibels_either_way(self):
        halves = np.full((300, 16_000), 0.05, np.float32)
        decibels = 20 * np.log10(self.varied(halves, gain_db=20.0)[:, 0] / 0.05)
        assert -20 <= decibels.min() < -18
        assert 18 < decibels.max() <= 20
        assert self.varied(halves * 19, gain_db=20.0).max() == 1.0, "clipped"

    def test_the_equalizer_changes_levels_smoothly_and_by_no_more_than_it_may(self):
        clip = np.random.RandomState(0).standard_normal((64, 16_000)).astype("f4") * 0.1
        varied = self.varied(clip, equalizer_db=12.0)
        gains = 20 * np.log10(np.abs(np.fft.rfft(varied)) / np.abs(np.fft.rfft(clip)))
        assert 11 < np.abs(gains).max() < 12.1
        assert np.abs(np.diff(gains[:, 1:-1])).max() < 0.2, "a step between neighbours"
        assert np.median(gains.std(axis=1)) > 3, "one gain for all frequencies is no equalizer"
        assert np.abs(gains[0] - gains[1]).max() > 1, "every clip has its own"

    def test_noise_is_mixed_into_its_share_of_clips_and_never_louder(self):
        silence = np.zeros((100, 16_000), np.float32)
        loud = (np.full(20_000, 32_767, np.int16), np.full(16_000, -32_768, np.int16))
        found = self.varied(silence, loud, steps=4, noise_probability=0.8, noise_volume=0.1)
        assert np.ptp(found, axis=1).max() == 0, "one recording a clip, at one volume"
        level = found[:, 0]
        assert 0.7 < (level != 0).mean() < 0.9
        assert 0.09 < np.abs(level).max() <= 0.1
        assert level.min() < 0 < level.max(), "all recordings have their turn"

    def test_every_second_of_a_recording_has_its_turn(self):
        silence = np.zeros((200, 16_000), np.float32)
        ramp = (np.arange(16_003, dtype=np.int16),)
        found = self.varied(silence, ramp, noise_probability=1.0, noise_volume=1.0)
        begins = np.rint(found[:, 0] / np.maximum(found[:, 1] - found[:, 0], 1e-9)).astype(int)
        assert set(begins) == {0, 1, 2, 3}

    def test_the_sum_is_clipped(self):
        ones = np.full((20, 16_000), 0.99, np.float32)
        loud = (np.full(16_000, 32_767, np.int16),)
        found = self.varied(ones, loud, noise_probability=1.0, noise_volume=1.0)
        assert found.max() == 1.0
