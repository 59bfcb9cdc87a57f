#include "tm.h"
/* begin */
/* A drawing becomes an image like those that the network was trained on: crop, scale to 80, brighten, even the
   strokes out, crop, scale to 20, place in 28 x 28 by the centre of mass. Whole numbers only. */
#define TM_SIDE 28
#define TM_INK_SIDE 20
#define TM_FINE_SIDE 80
#define TM_MARGIN 4 /* room for strokes to grow */
#define TM_FINE_STRIDE (TM_FINE_SIDE + 2 * TM_MARGIN)
#define TM_FAINTEST 32
#define TM_BRIGHT 224
#define TM_MOST_GAIN 8
#define TM_SOLID 128
#define TM_WIDTH_UNIT 64 /* parts of a pixel of the 80 in which stroke widths are counted */
#define TM_THINNEST 512
#define TM_WIDEST 960
#define TM_MAX_CANVAS_SIDE 16384

typedef struct {
    uint8_t *pixels;
    int32_t stride, height, width;
} tm_image;

typedef struct { /* an image that is only read */
    const uint8_t *pixels;
    int32_t stride, height, width;
} tm_view;

/* Cuts to the pixels above a quarter of the brightest one; returns 0 when that one is too faint. */
static int tm_crop(tm_view *image)
{
    const uint8_t *row = image->pixels;
    int32_t top = image->height, bottom = 0, left = image->width, right = 0, i, j;
    int peak = 0;
    for (i = 0; i < image->height; i++, row += image->stride) {
        for (j = 0; j < image->width; j++) {
            peak = row[j] > peak ? row[j] : peak;
        }
    }
    row = image->pixels;
    for (i = 0; i < image->height; i++, row += image->stride) {
        for (j = 0; j < image->width; j++) {
            if (row[j] > peak / 4) {
                top = i < top ? i : top;
                bottom = i + 1;
                left = j < left ? j : left;
                right = j + 1 > right ? j + 1 : right;
            }
        }
    }
    if (peak < TM_FAINTEST) {
        return 0;
    }
    image->pixels += top * image->stride + left;
    image->height = bottom - top;
    image->width = right - left;
    return 1;
}

/* How long the new-th part of `parts` and the old-th of `count` overlap, when both rows are equally long. */
static int32_t tm_shared(int32_t part, int32_t parts, int32_t old, int32_t count)
{
    const int32_t start = part * count > old * parts ? part * count : old * parts;
    const int32_t stop = (part + 1) * count < (old + 1) * parts ? (part + 1) * count : (old + 1) * parts;
    return stop - start;
}

static uint8_t tm_area_mean(const tm_view *from, const tm_image *to, int32_t row, int32_t column)
{
    const int32_t bottom = ((row + 1) * from->height + to->height - 1) / to->height;
    const int32_t right = ((column + 1) * from->width + to->width - 1) / to->width;
    const uint32_t area = (uint32_t)from->height * (uint32_t)from->width;
    uint64_t total = 0;
    int32_t i, j;
    for (i = row * from->height / to->height; i < bottom; i++) {
        const uint8_t *pixels = from->pixels + i * from->stride;
        uint32_t sum = 0;
        for (j = column * from->width / to->width; j < right; j++) {
            sum += (uint32_t)tm_shared(column, to->width, j, from->width) * pixels[j];
        }
        total += (uint64_t)sum * (uint32_t)tm_shared(row, to->height, i, from->height);
    }
    return (uint8_t)((total + area / 2) / area);
}

/* Fills `to`, whose pixels and stride are given, with area means; the longer side gets `longer` pixels. */
static void tm_scale(const tm_view *from, tm_image *to, int32_t longer)
{
    const int32_t size = from->height > from->width ? from->height : from->width;
    int32_t i, j;
    to->height = (2 * from->height * longer + size) / (2 * size);
    to->width = (2 * from->width * longer + size) / (2 * size);
    to->height = to->height > 1 ? to->height : 1;
    to->width = to->width > 1 ? to->width : 1;
    for (i = 0; i < to->height; i++) {
        for (j = 0; j < to->width; j++) {
            to->pixels[i * to->stride + j] = tm_area_mean(from, to, i, j);
        }
    }
}

static void tm_brighten(tm_image *fine)
{
    uint32_t sum = 0, squares = 0, mean, gain;
    int32_t i, j;
    for (i = 0; i < fine->height; i++) {
        for (j = 0; j < fine->width; j++) {
            const uint32_t v = fine->pixels[i * fine->stride + j];
            sum += v;
            squares += v * v;
        }
    }
    mean = squares / (sum > 1 ? sum : 1);
    if (mean >= TM_BRIGHT) {
        return;
    }
    gain = TM_BRIGHT * 256u / (mean > 1 ? mean : 1);
    gain = gain < TM_MOST_GAIN * 256u ? gain : TM_MOST_GAIN * 256u;
    for (i = 0; i < fine->height; i++) {
        for (j = 0; j < fine->width; j++) {
            uint8_t *const pixel = fine->pixels + i * fine->stride + j;
            const uint32_t v = *pixel * gain / 256;
            *pixel = (uint8_t)(v < 255 ? v : 255);
        }
    }
}

/* Makes the image larger by pixels of the margin around it. */
static tm_image tm_grown(const tm_image *fine, int32_t by)
{
    tm_image grown = *fine;
    grown.pixels -= by * fine->stride + by;
    grown.height += 2 * by;
    grown.width += 2 * by;
    return grown;
}

/* Stroke width, 2 * area / perimeter (Crofton), in parts of a pixel. */
static int32_t tm_stroke_width(const tm_image *fine)
{
    const tm_image all = tm_grown(fine, 1);
    int32_t area = 0, straight = 0, diagonal = 0, perimeter, i, j;
    for (i = 0; i + 1 < all.height; i++) {
        const uint8_t *row = all.pixels + i * all.stride, *below = row + all.stride;
        for (j = 0; j + 1 < all.width; j++) {
            const int a = row[j] >= TM_SOLID, b = row[j + 1] >= TM_SOLID;
            const int c = below[j] >= TM_SOLID, d = below[j + 1] >= TM_SOLID;
            area += a;
            straight += (a ^ b) + (a ^ c);
            diagonal += (a ^ d) + (b ^ c);
        }
    }
    perimeter = 402 * straight + 284 * diagonal;
    return 2 * area * TM_WIDTH_UNIT * 1024 / (perimeter > 1 ? perimeter : 1);
}

static int tm_largest(const uint8_t *row, int32_t column, int32_t width)
{
    int found = row[column];
    if (column > 0 && row[column - 1] > found) {
        found = row[column - 1];
    }
    if (column + 1 < width && row[column + 1] > found) {
        found = row[column + 1];
    }
    return found;
}

/* Widens what is bright by one pixel: to a cross, or to a square. */
static void tm_dilate(tm_image *image, int square)
{
    static uint8_t above[TM_FINE_STRIDE], here[TM_FINE_STRIDE], none[TM_FINE_STRIDE];
    int32_t i, j;
    for (j = 0; j < image->width; j++) {
        here[j] = 0;
    }
    for (i = 0; i < image->height; i++) {
        uint8_t *const row = image->pixels + i * image->stride;
        const uint8_t *const below = i + 1 < image->height ? row + image->stride : none;
        for (j = 0; j < image->width; j++) {
            above[j] = here[j];
            here[j] = row[j];
        }
        for (j = 0; j < image->width; j++) {
            const int middle = tm_largest(here, j, image->width);
            const int over = square ? tm_largest(above, j, image->width) : above[j];
            const int under = square ? tm_largest(below, j, image->width) : below[j];
            const int sides = over > under ? over : under;
            row[j] = (uint8_t)(middle > sides ? middle : sides);
        }
    }
}

static void tm_invert(tm_image *image)
{
    int32_t i, j;
    for (i = 0; i < image->height; i++) {
        for (j = 0; j < image->width; j++) {
            image->pixels[i * image->stride + j] = (uint8_t)(255 - image->pixels[i * image->stride + j]);
        }
    }
}

static int32_t tm_radius(int32_t change, int32_t target)
{
    const int32_t rest = TM_FINE_SIDE * TM_WIDTH_UNIT - target;
    return (change * TM_FINE_SIDE + rest) / (2 * rest);
}

static void tm_even_strokes(tm_image *fine)
{
    const int32_t width = tm_stroke_width(fine);
    const int is_thin = width < TM_THINNEST, is_wide = width > TM_WIDEST;
    int32_t radius = 0, step;
    if (is_thin) {
        radius = tm_radius(TM_THINNEST - width, TM_THINNEST);
        *fine = tm_grown(fine, radius);
    }
    if (is_wide) {
        radius = tm_radius(width - TM_WIDEST, TM_WIDEST);
        *fine = tm_grown(fine, 1);
        tm_invert(fine);
    }
    for (step = 0; step < radius; step++) {
        tm_dilate(fine, step % 2);
    }
    if (is_wide) {
        tm_invert(fine);
    }
}

/* Where to start along an axis so that the centre of mass comes to the middle; `along` and `across` are strides. */
static int32_t tm_offset(const tm_image *ink_image, int32_t count, int32_t along, int32_t others, int32_t across)
{
    int32_t total = 0, moment = 0, start, i, j;
    for (i = 0; i < count; i++) {
        for (j = 0; j < others; j++) {
            const int32_t v = ink_image->pixels[i * along + j * across];
            total += v;
            moment += v * i;
        }
    }
    start = (TM_SIDE * total - 2 * moment + total) / (2 * total);
    start = start > 0 ? start : 0;
    return start < TM_SIDE - count ? start : TM_SIDE - count;
}

static void tm_centre(const tm_image *ink_image, uint8_t *image)
{
    const int32_t top = tm_offset(ink_image, ink_image->height, ink_image->stride, ink_image->width, 1);
    const int32_t left = tm_offset(ink_image, ink_image->width, 1, ink_image->height, ink_image->stride);
    int32_t i, j;
    for (i = 0; i < TM_SIDE * TM_SIDE; i++) {
        image[i] = 0;
    }
    for (i = 0; i < ink_image->height; i++) {
        for (j = 0; j < ink_image->width; j++) {
            image[(top + i) * TM_SIDE + left + j] = ink_image->pixels[i * ink_image->stride + j];
        }
    }
}

int tm_preprocess(const uint8_t *canvas, int width, int height, uint8_t *image)
{
    static uint8_t room[TM_FINE_STRIDE * TM_FINE_STRIDE], ink[TM_INK_SIDE * TM_INK_SIDE];
    tm_view drawing, grown;
    tm_image fine, ink_image;
    int32_t i;
    drawing.pixels = canvas;
    drawing.stride = drawing.width = width;
    drawing.height = height;
    if (width < 1 || height < 1 || width > TM_MAX_CANVAS_SIDE || height > TM_MAX_CANVAS_SIDE || !tm_crop(&drawing)) {
        return 0;
    }
    for (i = 0; i < TM_FINE_STRIDE * TM_FINE_STRIDE; i++) {
        room[i] = 0;
    }
    fine.pixels = room + TM_MARGIN * TM_FINE_STRIDE + TM_MARGIN;
    fine.stride = TM_FINE_STRIDE;
    tm_scale(&drawing, &fine, TM_FINE_SIDE);
    tm_brighten(&fine);
    tm_even_strokes(&fine);
    grown.pixels = fine.pixels;
    grown.stride = fine.stride;
    grown.height = fine.height;
    grown.width = fine.width;
    if (!tm_crop(&grown)) {
        return 0;
    }
    ink_image.pixels = ink;
    ink_image.stride = TM_INK_SIDE;
    tm_scale(&grown, &ink_image, TM_INK_SIDE);
    tm_centre(&ink_image, image);
    return 1;
}
