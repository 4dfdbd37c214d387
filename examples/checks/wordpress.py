"""TODO"""

from checks import Cases


def cases() -> Cases:
    return {}
