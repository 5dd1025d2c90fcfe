"""Whether a mark was reached, in a word."""


def met(reached: bool) -> str:
    return "reached" if reached else "**missed**"
