"""The hash of a whole file, without holding its bytes."""

import hashlib
from io import BufferedIOBase

_CHUNK = 1 << 20


def content_of_file(file: BufferedIOBase) -> str:
    """Hash an open file from its start; the same value as `core.digest.content_of` of its bytes."""
    state = hashlib.blake2b(digest_size=16)
    file.seek(0)
    while chunk := file.read(_CHUNK):
        state.update(chunk)
    return state.hexdigest()
