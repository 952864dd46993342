"""The optimizer's child, ``python -m serving.optimization.trial``: makes an INT8 file, or judges one mode."""

from __future__ import annotations

from serving.confinement.inside import Work, answer_once


def main() -> None:
    """Answer one request; the process ends with it."""
    answer_once(_tasks)


def _tasks() -> Work:
    from serving.optimization.int8_trial import make_int8
    from serving.optimization.mode_trial import judge_mode

    tasks = {"int8": make_int8, "judge": judge_mode}
    return lambda request: tasks[request["task"]](request)


if __name__ == "__main__":
    main()
