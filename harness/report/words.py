"""How a report says how many there are of something."""


def count(number: int, noun: str) -> str:
    """A number and its noun, in the plural but for one.

    Example:
        >>> count(1, "run"), count(1200, "run")
        ('1 run', '1,200 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
