"""Keyword spotting's configs: what goes together, and what is out of range."""

import shlex

import pytest

from harness.config import cell_id, compose
from harness.errors import ConfigError
from harness.sweep import spec as sweep

SPEECH = ["model=ds_cnn_l", "dataset=fsdd"]


@pytest.mark.parametrize(
    ("model", "dataset", "complaint"),
    [
        ("ds_cnn_l", "mnist", r"received mnist \(images\) with model=ds_cnn_l; accepted: speech"),
        ("mnist_cnn", "fsdd", r"received fsdd \(speech\) with model=mnist_cnn.*dataset=mnist\b"),
        ("mnist_cnn", "speech_commands", "accepted: images"),
    ],
)
def test_a_model_takes_data_of_its_own_task(model, dataset, complaint):
    with pytest.raises(ConfigError, match=complaint):
        compose([f"model={model}", f"dataset={dataset}"])


@pytest.mark.parametrize("dataset", ["fsdd", "speech_folder", "speech_commands"])
def test_every_speech_set_goes_with_the_keyword_spotter(dataset):
    config = compose(["model=ds_cnn_l", f"dataset={dataset}", "training=ds_cnn_l"])
    assert config.dataset.name == dataset
    assert config.dataset.features == "mfcc"


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("model.filters=0", r"model\.filters: received 0"),
        ("model.momentum=1", r"model\.momentum: received 1\.0"),
        ("dataset.features=fft", "accepted: mfcc, waveform"),
        ("dataset.augmentation.time_shift_ms=-1", "milliseconds from 0"),
        ("dataset.augmentation.speed=0.9", "a share from 0 to 0.5"),
        ("dataset.augmentation.noise_volume=2", "a number from 0 to 1"),
        ("dataset.augmentation.equalizer_db=-3", "decibels from 0 to 60"),
        ("dataset.clip.level_db=6", "decibels from -120 to 0, or null"),
        ("dataset.words=[go]", "words: there is no such key"),
        ("dataset=speech_folder dataset.test_share=0.5", r"test_share: received 0\.5"),
        ("dataset=speech_folder dataset.speaker_pattern=x", "one group, the speaker"),
        ("dataset=speech_folder 'dataset.speaker_pattern=\"(\"'", "one group, the speaker"),
        ("dataset=speech_commands dataset.words=[go,go]", "each once"),
        ("dataset=speech_commands dataset.silence_percentage=0", "a percentage in"),
    ],
)
def test_options_out_of_range_are_refused(override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        compose([*SPEECH, *shlex.split(override)])


def test_who_is_held_out_and_how_clips_are_varied_decide_the_cell_but_not_where_they_lie():
    def of(*overrides):
        return cell_id(compose([*SPEECH, *overrides]), "fingerprint")

    assert of() == of("dataset.data_dir=elsewhere")
    others = ["dataset.test_speaker=george", "dataset.augmentation.speed=0.1"]
    assert len({of(), *(of(other) for other in others)}) == 3


@pytest.mark.parametrize(
    ("name", "scale", "speakers"),
    [
        ("keyword_spotting", "full", 1),
        ("keyword_spotting_small", "small", 6),  # each held out in turn
        ("keyword_spotting_synthetic", "small", 1),
    ],
)
def test_the_sweeps_name_five_sparsities_a_control_and_three_seeds(name, scale, speakers):
    configs = [config for config, _ in sweep.load(name).configs()]
    assert len(configs) == 18 * speakers, "five sparsities and the control"
    assert {config.scale for config in configs} == {scale}
    assert {config.model.name for config in configs} == {"ds_cnn_l"}


def test_the_published_rates_fall_at_ten_and_twenty_thousand_steps():
    from harness.training import recipe

    config = compose(["model=ds_cnn_l", "dataset=speech_commands", "training=ds_cnn_l"])
    dense = config.training.dense
    rate = dense.decay.schedule(dense.optimizer.learning_rate, recipe.length(dense, 369))
    found = [float(rate(step)) for step in (0, 9_999, 10_000, 19_999, 20_000, 29_999)]
    assert found == pytest.approx([5e-4, 5e-4, 1e-4, 1e-4, 2e-5, 2e-5])
