"""Any two text files that are aligned line by line."""

from harness.data.text.corpora.pair_files import check, fingerprint, load

SOURCES = ("files",)

__all__ = ["SOURCES", "check", "fingerprint", "load"]
