"""ONNX Runtime's messages, told to a stranger: the reason without error numbers, C++ source lines and file paths."""

from __future__ import annotations

import re

LONGEST = 300
"""Characters a reason may have."""

_READ = 4000
_PREFIX = re.compile(r"\[ONNXRuntimeError\]\s*:\s*\d+\s*:\s*\w+\s*:\s*")
_LOADING = re.compile(r"Load model (?:from )?(?:.*\.onnx|.+?) failed[:.]\s*", re.DOTALL)
_SOURCE = re.compile(r"(?:[\w.+-]*[/\\])*[\w+-]+\.(?:cc|cpp|cxx|h|hpp|cu|cuh):\d+\s+")
_FUNCTION = re.compile(r"[A-Za-z_][\w:]*(?=\s+[A-Z])")
_SUFFIX = re.compile(r"(?:\s*const\b|\s*noexcept\b|::<lambda\(.*?\)>|\s*\[with [^\]]*\])*\s*")
_NODE = re.compile(r"Non-zero status code returned while running (\S+) node\. Name:'.*?' Status Message:\s*", re.DOTALL)
_OPSET = re.compile(r".*Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+).*", re.DOTALL)
_QUOTED_PATH = re.compile(r"""(["'])[^"'\n]*[/\\][^"'\n]*\1""")
_BARE_PATH = re.compile(r"""(?<![\w.>])(?:[A-Za-z]:[\\/]|\.{0,2}/|~/)[^\s"',;]+""")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'])")


def plain_reason(error: BaseException | str) -> str:
    """Why ONNX Runtime refused, in at most two sentences and 300 characters that give nothing of the server away."""
    text = _PREFIX.sub("", str(error)[:_READ])
    text = _LOADING.sub("", text)
    text = _without_source(text)
    text = _NODE.sub(r"\1 node: ", text)
    text = _OPSET.sub(r"Opset \1 of domain \2 is newer than this server runs; its newest is \3.", text)
    text = text.removeprefix("Fatal error: ").replace("File doesn't exist", "The model file does not exist")
    text = _BARE_PATH.sub("(path)", _QUOTED_PATH.sub("(path)", text))
    return _short(" ".join(text.split())) or "ONNX Runtime gave no reason"


def _without_source(text: str) -> str:
    """Cut every ``file.cc:12 Function(arguments) const``, nested parentheses included."""
    while found := _SOURCE.search(text):
        text = text[: found.start()] + _after_function(text[found.end() :])
    return text


def _after_function(text: str) -> str:
    opening = text.find("(")
    if opening >= 0 and "::" in text[:opening] and ". " not in text[:opening]:
        rest = text[_closing(text, opening) + 1 :]
        return rest[_span(_SUFFIX, rest) :]
    return text[_span(_FUNCTION, text) :].lstrip()


def _closing(text: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    return len(text)


def _span(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0


def _short(text: str) -> str:
    told = " ".join(_SENTENCE_END.split(text)[:2])
    return told if len(told) <= LONGEST else told[: LONGEST - 1].rstrip() + "…"
