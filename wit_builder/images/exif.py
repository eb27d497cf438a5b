"""The one thing wanted from EXIF: which way is up. Read with care: EXIF is often broken."""

ORIENTATION = 0x0112
SHORT = 3
MAX_ENTRIES = 1024  # cameras write 10 to 30 into the first directory


def orientation(block: bytes) -> int:
    r"""EXIF's orientation, 1 to 8; 1 where the block says nothing or nonsense. Never raises.

    block: a TIFF header and directories, with or without the "Exif\0\0" that JPEG puts before them.
    """
    block = block.removeprefix(b"Exif\0\0")
    if block[:2] not in (b"II", b"MM"):
        return 1
    little = block[:2] == b"II"

    def number(start: int, size: int) -> int:
        return int.from_bytes(block[start : start + size], "little" if little else "big")

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * min(number(first, 2), MAX_ENTRIES), 12):
        if number(entry, 2) == ORIENTATION and number(entry + 2, 2) == SHORT:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1
