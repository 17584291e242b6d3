"""The typed options of each data set."""

from dataclasses import dataclass, field

from omegaconf import MISSING


@dataclass
class DatasetConfig:
    """A data set and where it lies.

    `data_dir` is a path, so it never decides a cell's identity: the fingerprint of the
    data found there does.
    """

    name: str = MISSING
    source: str = MISSING
    data_dir: str | None = None
    split_seed: int = 0


@dataclass
class AugmentationConfig:
    """How training clips are varied, anew at every step; without any, features are cached.

    `time_shift_ms` and `speed` (a share) are the most that a clip is moved or played faster
    or slower, either way; `gain_db` the most that it is made louder or softer, as a whole, and
    `equalizer_db` band by band, as other microphones and rooms would. Background
    noise is mixed into a clip with `noise_probability`, up to `noise_volume` (1: as loud as
    recorded), where the data set has some.
    """

    time_shift_ms: float = 0.0
    speed: float = 0.0
    gain_db: float = 0.0
    equalizer_db: float = 0.0
    noise_probability: float = 0.0
    noise_volume: float = 0.1


@dataclass
class SpeechConfig(DatasetConfig):
    """Recordings of words.

    `features` is mfcc (the model takes 49×10 coefficients, computed by the front end in the
    input pipeline) or waveform (it takes 16,000 samples, the front end is its first layer).
    """

    features: str = "mfcc"
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


@dataclass
class ClipConfig:
    """How a recording becomes a clip, at training and evaluation alike.

    Recordings that were made apart differ in level, background and where the word begins:
    `level_db` is the root mean square that each is brought to, and `floor_db` that of white
    noise below every clip, in decibels of full scale (null: as recorded, none); `centered`
    puts the recording in the middle of its second instead of at the beginning. An exported
    model expects clips made so.
    """

    level_db: float | None = None
    floor_db: float | None = None
    centered: bool = False


@dataclass
class WordsConfig(SpeechConfig):
    """Recordings of words that were not made alike."""

    clip: ClipConfig = field(default_factory=ClipConfig)


@dataclass
class FsddConfig(WordsConfig):
    """The Free Spoken Digit Dataset; `test_speaker` is heard in the test split only."""

    test_speaker: str = "theo"


@dataclass
class SpeechFolderConfig(WordsConfig):
    """Any folder of `label/*.wav`.

    With a `speaker_pattern` (a regular expression whose one group is the speaker, searched
    in the file's name), no speaker is in two splits.
    """

    validation_share: float = 0.1
    test_share: float = 0.1
    speaker_pattern: str | None = None


@dataclass
class SpeechCommandsConfig(SpeechConfig):
    """Google Speech Commands: `words`, silence, and all other words as unknown.

    The percentages are of the number of clips of `words`, in each split.
    """

    words: list[str] = field(default_factory=list)
    silence_percentage: float = 10.0
    unknown_percentage: float = 10.0


@dataclass
class ImdbConfig(DatasetConfig):
    """Film reviews: the last `length` words of each, of the `vocabulary_size` most frequent."""

    vocabulary_size: int = 20000
    length: int = 100


@dataclass
class PairsConfig(DatasetConfig):
    """Sentences of two languages, line by line: `direction` is SOURCE_TARGET, e.g. en_de.

    `train_files` and so on are the files' common name before the language, `.en` or
    `.en.gz` and so on, in `data_dir` or absolute. Without held-out files, shares of the
    training pairs are held out.

    Training pairs with more than `filter_length` words on a side are left out, what is longer
    than `max_length` subwords is cut. A batch holds pairs of one bucket: of up to so many
    subwords. It is `training.batch_size` sentences, or (`batch_by=tokens`) up to so many target
    tokens, padding included. `cache_dir` keeps vocabularies and encoded corpora.
    """

    direction: str = "en_de"
    train_files: str = "train"
    validation_files: str | None = None
    test_files: str | None = None
    validation_share: float = 0.0
    test_share: float = 0.0
    tokenizer: str = "moses"
    vocabulary_size: int = 32000
    vocabulary_file: str | None = None
    filter_length: int = 80
    max_length: int = 50
    buckets: list[int] = field(default_factory=lambda: [10, 20, 30, 40, 50])
    batch_by: str = "sentences"
    cache_dir: str | None = None
