"""From a decoded picture straight to the two small ones: the thumbnail and the model's input."""

import io
from fractions import Fraction

from av.filter.graph import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from PIL import Image

from scoring.geometry import Geometry
from scoring.preprocessing import Crop, Preprocessing

JPEG_QUALITY = 80
QUARTER_OF_COLOUR = ("yuv420p", "yuvj420p")

# The last two cost 0.5 ms per picture; without them every grey comes out two levels too dark.
AVERAGING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# Between pictures of one size without them: a tenth of the time, and half a level darker. FFmpeg has such a way for an
# even number of rows only, and falls back to the dark one for others.
ROUNDED_DOWN = Interpolation.AREA

TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}

UNSPECIFIED = 2
LARGEST_SD = (1280, 576)
PER_SECOND = Fraction(1, 1000)


class Painter:
    """Scales with area averaging directly from the decoder's YUV, so there is never a full-size RGB picture."""

    def __init__(self, preprocessing: Preprocessing, thumb_width: int) -> None:
        self._input_size = preprocessing.width, preprocessing.height
        self._thumb_width = thumb_width
        # One scaler per target: each keeps its tables from picture to picture.
        self._to_input = VideoReformatter()
        self._to_thumbnail = VideoReformatter()
        self._to_small = VideoReformatter()
        self._cutter = Cutter()

    def paint(self, picture: VideoFrame, geometry: Geometry, cut: Crop) -> tuple[bytes, bytes]:
        """Returns the JPEG thumbnail, always of the whole picture, and the input as raw RGB, H x W x 3 bytes, without
        what is cut (in pixels as shown)."""
        colours, size = source_colours(picture), geometry.thumbnail_size(self._thumb_width)
        small = self._small(picture, geometry.before_turn(size))
        thumbnail = _shown(_thumbnail(self._to_thumbnail, small, geometry.before_turn(size), colours), geometry)
        kept = self._cutter.cut(picture, geometry.stored_box(cut)) if cut else picture
        unturned = geometry.before_turn(self._input_size)
        model_input = _shown(rgb(self._to_input, kept, unturned, source_colours(kept)), geometry)
        return jpeg(thumbnail), model_input.tobytes()

    def _small(self, picture: VideoFrame, size: tuple[int, int]) -> VideoFrame:
        """The picture in (width, height) of its thumbnail where it has a quarter of the colour, as the JPEG will have:
        scaling it to RGB takes twice the time."""
        if picture.format.name not in QUARTER_OF_COLOUR:
            return picture
        return self._to_small.reformat(picture, *size, interpolation=AVERAGING, threads=1)


class Cutter:
    """Cuts a box out of pictures without copying them."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._made_for: tuple[object, ...] = ()

    def cut(self, picture: VideoFrame, box: tuple[int, int, int, int]) -> VideoFrame:
        """box: (x, y, width, height) in stored pixels."""
        made_for = (picture.width, picture.height, picture.format.name, box)
        if self._graph is None or made_for != self._made_for:
            self._graph, self._made_for = _cutting(picture, box), made_for
        self._graph.vpush(picture)
        return self._graph.vpull()


def _cutting(picture: VideoFrame, box: tuple[int, int, int, int]) -> Graph:
    x, y, width, height = box
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base or PER_SECOND
    )
    crop = graph.add("crop", f"{width}:{height}:{x}:{y}")
    graph.link_nodes(source, crop, graph.add("buffersink")).configure()
    return graph


def source_colours(picture: VideoFrame) -> Colorspace | None:
    """The matrix that a picture was stored with, where it doesn't say so: players take HD for BT.709 and the rest for
    BT.601, and FFmpeg's scaler takes everything for BT.601. The limits are mpv's (mp_csp_guess_colorspace)."""
    if picture.colorspace != UNSPECIFIED or picture.format.is_rgb:
        return None
    is_hd = picture.width >= LARGEST_SD[0] or picture.height > LARGEST_SD[1]
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


def rgb(
    scaler: VideoReformatter,
    picture: VideoFrame,
    size: tuple[int, int],
    colours: Colorspace | None,
    interpolation: Interpolation = AVERAGING,
) -> Image.Image:
    """The picture as stored, scaled to size (width, height). colours: see `source_colours`."""
    width, height = size
    small = scaler.reformat(
        picture, width, height, "rgb24", src_colorspace=colours, interpolation=interpolation, threads=1
    )
    plane = small.planes[0]
    return Image.frombuffer("RGB", size, bytes(plane), "raw", "RGB", plane.line_size, 1)


def _thumbnail(
    scaler: VideoReformatter, small: VideoFrame, size: tuple[int, int], colours: Colorspace | None
) -> Image.Image:
    is_of_size = small.format.name in QUARTER_OF_COLOUR and (small.width, small.height) == size
    return rgb(scaler, small, size, colours, ROUNDED_DOWN if is_of_size and size[1] % 2 == 0 else AVERAGING)


def _shown(stored: Image.Image, geometry: Geometry) -> Image.Image:
    """The picture as shown."""
    image = stored.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if geometry.mirrored else stored
    turn = TURNS.get(geometry.rotation)
    return image if turn is None else image.transpose(turn)


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
