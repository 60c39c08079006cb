"""What the first bytes of a compressed picture say about it, where the container says too little. Pure.

Sources: ITU-T H.264 7.4.1 and H.265 7.4.2 (types of NAL units), ISO/IEC 14496-15 (avcC, hvcC), RFC 6386 9.1 (VP8), the
VP9 bitstream specification 6.2, 7.2 and annex B (superframes).
"""

from collections.abc import Iterator

H264_SLICES, H264_IDR = range(1, 6), 5
HEVC_SLICES, HEVC_IRAP = range(32), range(16, 22)
LENGTH_SIZE_AT = {"h264": 4, "hevc": 21}  # in avcC and hvcC
LOOKED_AT = 4096  # bytes within which the first slice begins, after parameter sets and messages

VP9_KEY_FRAME = 0
VP9_SUPERFRAME = 0b110


def begins_afresh(codec: str, extradata: bytes | None, packet: memoryview) -> bool:
    """Whether decoding can begin at a packet that the container calls a key frame. Pictures shown before it may still
    need earlier ones: look at the times. A recovery point of H.264 that is no IDR picture doesn't count: what follows
    may refer to what came before."""
    if codec == "h264":
        kinds = (header & 0x1F for header in _units(codec, extradata, packet))
        return next((kind for kind in kinds if kind in H264_SLICES), None) == H264_IDR
    if codec == "hevc":
        kinds = ((header >> 1) & 0x3F for header in _units(codec, extradata, packet))
        return next((kind for kind in kinds if kind in HEVC_SLICES), -1) in HEVC_IRAP
    return True


def is_shown(codec: str, packet: memoryview) -> bool:
    """False for a packet that only renews a reference and gives no picture (VP8 and VP9 have such)."""
    if codec == "vp8":
        return bool(packet[0] & 0x10)
    return codec != "vp9" or any(shown for shown, _ in _vp9_frames(packet))


def is_spare(codec: str, packet: memoryview) -> bool:
    """Whether no other picture refers to this one, of a codec whose decoder doesn't skip such by itself (VP9)."""
    return codec == "vp9" and all(spare for _, spare in _vp9_frames(packet))


def _units(codec: str, extradata: bytes | None, packet: memoryview) -> Iterator[int]:
    """First byte of each NAL unit: by length where the extradata begin with a 1, else by start code."""
    size_at = LENGTH_SIZE_AT[codec]
    if extradata and extradata[0] == 1 and len(extradata) > size_at:
        return _by_length(packet, (extradata[size_at] & 3) + 1)
    return _by_start_code(bytes(packet[:LOOKED_AT]))


def _by_length(packet: memoryview, size: int) -> Iterator[int]:
    place = 0
    while place + size < len(packet):
        yield packet[place + size]
        place += size + int.from_bytes(packet[place : place + size], "big")


def _by_start_code(data: bytes) -> Iterator[int]:
    place = data.find(b"\0\0\1")
    while 0 <= place < len(data) - 3:
        yield data[place + 3]
        place = data.find(b"\0\0\1", place + 3)


def _vp9_frames(packet: memoryview) -> Iterator[tuple[bool, bool]]:
    """(gives a picture, nothing refers to it) of each frame in the packet."""
    place = 0
    for size in _superframe_sizes(packet):
        yield _vp9_frame(int.from_bytes(packet[place : place + 8].tobytes().ljust(8, b"\0"), "big"))
        place += size


def _superframe_sizes(packet: memoryview) -> list[int]:
    last = packet[-1]
    count, width = (last & 7) + 1, ((last >> 3) & 3) + 1
    index = 2 + count * width
    if last >> 5 != VP9_SUPERFRAME or len(packet) < index or packet[-index] != last:
        return [len(packet)]
    sizes = packet[-index + 1 : -1]
    return [int.from_bytes(sizes[place : place + width], "little") for place in range(0, count * width, width)]


def _vp9_frame(header: int) -> tuple[bool, bool]:
    """As `_vp9_frames`, from the first 64 bits of a frame."""
    bits = _Bits(header)
    bits.take(2)
    profile = bits.take(1) | bits.take(1) << 1
    bits.take(int(profile == 3))
    if bits.take(1):  # shows a picture that is there already
        return True, True
    kind, shown, is_resilient = bits.take(1), bool(bits.take(1)), bits.take(1)
    if kind == VP9_KEY_FRAME:
        return shown, False
    is_intra_only = 0 if shown else bits.take(1)
    bits.take(0 if is_resilient else 2)
    if is_intra_only:
        return shown, False  # what it renews stands behind its size: taken as referred to
    return shown, bits.take(8) == 0


class _Bits:
    """Reads 64 bits from the highest down."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._left = 64

    def take(self, count: int) -> int:
        self._left -= count
        return (self._bits >> self._left) & ((1 << count) - 1)
