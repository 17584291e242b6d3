"""Tiny ImageNets in the layouts of the real one, of the same few photographs."""

import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.prepared import write_prepared

#: Three synsets; the challenge numbers them otherwise than their sorted names.
SYNSETS = ("n01440764", "n01443537", "n15075141")
IDS = {"n15075141": 1, "n01440764": 2, "n01443537": 3}
EACH, HELD_OUT = 6, 7


def picture(seed: int, width: int = 90, height: int = 70) -> Image.Image:
    """Coloured clouds: smooth, so that JPEG keeps them well."""
    small = np.random.RandomState(seed).randint(0, 256, (5, 6, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(seed: int, width: int = 90, height: int = 70) -> bytes:
    return encoded(picture(seed, width, height), "JPEG", quality=92)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def bomb(side: int = 30_000) -> bytes:
    """A whole PNG of a hundred kilobytes that says it has `side`² pixels, all of them black."""
    rows = zlib.compress(bytes((1 + side // 8) * side), 1)
    parts = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (*parts, (b"IEND", b""))
    )


def training() -> dict[str, bytes]:
    """SYNSET/FILE -> bytes, sorted."""
    return {
        f"{synset}/{synset}_{number}.JPEG": jpeg(10 * label + number)
        for label, synset in enumerate(SYNSETS)
        for number in range(EACH)
    }


def validation() -> dict[str, bytes]:
    """FILE -> bytes, sorted."""
    return {
        f"ILSVRC2012_val_{number:08d}.JPEG": jpeg(100 + number) for number in range(1, HELD_OUT + 1)
    }


def truth() -> list[str]:
    """The synset of each validation photograph."""
    return [SYNSETS[(5 * number) % 3] for number in range(HELD_OUT)]


def write_folders(root: Path, held_out: str = "validation") -> Path:
    for name, content in training().items():
        path = root / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / held_out).mkdir()
    for name, content in validation().items():
        (root / held_out / name).write_bytes(content)
    return root


def write_kit(folder: Path) -> None:
    """The ground truth and the table of the development kit."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    ids = "".join(f"{IDS[synset]}\n" for synset in truth())
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(ids)
    # The real table goes on with groups of synsets, which are no classes.
    rows = [(number, synset, "a thing", 0) for synset, number in IDS.items()]
    rows.append((4, "n00001740", "entity", 2))
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    savemat(folder / "meta.mat", {"synsets": np.array(rows, dtype=kinds)[:, None]})


def write_tars(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(root / "ILSVRC2012_img_train.tar", "w") as outer:
        for synset in SYNSETS:
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as tar:
                for name, content in training().items():
                    if name.startswith(synset):
                        _add(tar, name.split("/")[1], content)
            _add(outer, f"{synset}.tar", inner.getvalue())
    with tarfile.open(root / "ILSVRC2012_img_val.tar", "w") as tar:
        for name, content in reversed(validation().items()):
            _add(tar, name, content)
    return root


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def write_tfds(root: Path, shards: int = 2) -> Path:
    """Prepared TFRecords, as `tfds build imagenet2012` leaves them."""
    import tensorflow_datasets as tfds

    names = ["n15075141", "n01440764", "n01443537"]  # not sorted: their order must not matter
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=names),
            "file_name": tfds.features.Text(),
        }
    )
    held_out = zip(validation().items(), truth(), strict=True)
    rows = {
        "train": [(name, content, name.split("/")[0]) for name, content in training().items()],
        "validation": [(*item, label) for item, label in held_out],
    }
    examples = {
        split: [
            {"image": io.BytesIO(content), "label": synset, "file_name": name.split("/")[-1]}
            for name, content, synset in of_split
        ]
        for split, of_split in rows.items()
    }
    write_prepared(root / "imagenet2012" / "5.1.0", "imagenet2012", features, examples, shards)
    return root
