"""What text from a store may become: a file's name, a cell of a spreadsheet, markup.

Experiments, tags, parameters and run ids come from whoever may write to a shared store, model
and sweep names from configs. Whatever of them goes into a path or a file goes through here.
"""

import hashlib
import html
import re

from harness.errors import one_line

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    "·": r"$\cdot$",
    "…": r"\dots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{sign: f"{{{sign}}}" for sign in "[*"},  # after a line's end they would be its options
}
#: What a spreadsheet takes for the beginning of a formula, wide forms of the signs among it.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
#: File systems take 255 bytes; a suffix and a temporary name come on top.
_LONGEST = 100


def file_name(text: str) -> str:
    """Names a file or a folder after a text: no path, nothing hidden, not too long.

    Names that had to be changed end with a digest of the text, so two texts have two names.

    Example:
        >>> file_name("demo-2"), file_name("../../x")
        ('demo-2', 'x-9cdf6a50')
    """
    name = re.sub(r"[^\w.,=+-]+", "_", text).strip("._-")
    if name and name == text and len(name.encode()) <= _LONGEST:
        return name
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
    name = name.encode()[: _LONGEST - len(digest) - 1].decode(errors="ignore")
    return f"{name}-{digest}" if name else digest


def escape_spreadsheet(text: str) -> str:
    """Keeps a spreadsheet from taking a text for a formula.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = one_line(text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def escape_html(text: str) -> str:
    """Escapes text for an element or a quoted attribute."""
    return html.escape(one_line(text))


def escape_markdown(text: str) -> str:
    """Escapes what Markdown, and the HTML in it, would take for markup."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def markdown_code(text: str) -> str:
    """A text as Markdown's code, in a table's cell too; escaped where it could end the code."""
    if not text or "`" in text:
        return escape_markdown(text)
    return f"`{one_line(text)}`".replace("|", r"\|")


def escape_latex(text: str) -> str:
    """Escapes LaTeX's special characters, and spells the signs the tables use."""
    return "".join(_LATEX.get(sign, sign) for sign in one_line(text))
