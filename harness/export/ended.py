"""How a process that ran a file ended, in words."""

#: What runtimes say of themselves while all is well.
_CHATTER = ("INFO:",)


def ended(code: int, remarks: str) -> str:
    """What to say of a process that gave no answer.

    Args:
        code: what it returned; negative for a signal.
        remarks: what it wrote, the last line of which says why.
    """
    how = f"died of signal {-code}" if code < 0 else f"ended with {code}"
    return said(how, remarks)


def said(how: str, remarks: str) -> str:
    """A sentence, with the last line of what a process wrote."""
    lines = [line.strip() for line in remarks.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_CHATTER)]
    return f"{how}: {lines[-1]}" if lines else how
