"""Multi30k: image captions in English and German (Elliott et al.,
https://aclanthology.org/W16-3210), task 1: 29,000 / 1,014 / 1,000 pairs.
"""

from harness.data.text.corpora.pair_files import check, fingerprint, load

SOURCES = ("files",)

__all__ = ["SOURCES", "check", "fingerprint", "load"]
