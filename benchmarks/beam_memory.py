"""Peak memory of beam search over GNMT, by beam and by length.

    python -m benchmarks.beam_memory [--beams 10 20 40 80] [--lengths 25 50 100 200]

Each is a process of its own, with weights as drawn, so that nothing ends early: translations
grow to twice the length of their sources. Printed is by how much a search of 32 sentences raises
the process's peak of resident memory over what a search of one short sentence with the same
graph left it at.
"""

import argparse
import multiprocessing
import resource

import numpy as np

UNITS, LAYERS, VOCABULARY, SENTENCES = 256, 2, 6000, 32


def peak() -> int:
    """Of this process's resident memory so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def growth(beam: int, length: int) -> tuple[int, int]:
    """Bytes that a search adds, and its steps."""
    import keras

    from harness.models import build
    from harness.models.gnmt import Decoding, Gnmt
    from harness.tasks.scores.beam import Search
    from harness.tasks.scores.steps import ModelSteps

    keras.utils.set_random_seed(1)
    model = build(Gnmt("gnmt", LAYERS, UNITS, 0.2), (None,), VOCABULARY)
    search = Search(ModelSteps(model), Decoding(beam=beam))
    source = np.random.default_rng(0).integers(4, VOCABULARY, (SENTENCES, length), np.int32)
    search(source[:1, :2])
    before = peak()
    rows = search(source)[3]
    return peak() - before, len(rows)


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beams", type=int, nargs="+", default=[10, 20, 40, 80])
    parser.add_argument("--lengths", type=int, nargs="+", default=[25, 50, 100, 200])
    options = parser.parse_args()
    cases = [(beam, options.lengths[0]) for beam in options.beams]
    cases += [(options.beams[0], length) for length in options.lengths[1:]]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for beam, length in cases:
            more, steps = pool.apply(growth, (beam, length))
            shared = more / (beam * length)
            print(
                f"beam {beam:3}, sources of {length:3} words, {steps:3} steps:"
                f" {more / 1e6:7.1f} MB, {shared / 1e3:6.1f} kB a word and hypothesis",
                flush=True,
            )


if __name__ == "__main__":
    main()
