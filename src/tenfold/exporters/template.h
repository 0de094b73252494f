/* Classifies an image of 28x28 pixels: $weight_bytes bytes of weights, $memory bytes of working memory.

       float probabilities[TENFOLD_CLASSES];
       int class = tenfold_predict(image, probabilities);

   image: 784 bytes, row by row, 0 paper to 255 ink; a digit in a box of 20x20, its center of mass in the middle, as MNIST
   has it. probabilities: of $names; they sum to 1. Returns the most likely class. The working memory
   is static: call it from one thread.

   Written by Tenfold $version. C99, with functions of math.h and nothing else. */

#ifndef TENFOLD_MODEL_H
#define TENFOLD_MODEL_H

#include <math.h>

#define TENFOLD_CLASSES $classes
/* An answer with a lower probability is unsure. */
#define TENFOLD_UNSURE_BELOW $unsure_below
#define TENFOLD_BITS $bits
#define TENFOLD_NUMBER_BITS $number_bits
#define TENFOLD_NONE 0xffffffffu

static const unsigned char tenfold_weights[$weight_bytes] = {
$weights
};

/* Signed whole number `index`, of so many bits, of the array that starts at byte `at`. */
static int tenfold_whole(unsigned at, int index, int bits)
{
    const int first = index * bits, shift = first & 7, sign = 1 << (bits - 1);
    const unsigned char *bytes = tenfold_weights + at + (first >> 3);
    int value = bytes[0] >> shift;
    if (shift + bits > 8) value |= bytes[1] << (8 - shift);
    return ((value & (2 * sign - 1)) ^ sign) - sign;
}

/* Scale or bias `index` of an array: whole numbers after the exponent of their power of two; 0 where there is none. */
static float tenfold_number(unsigned at, int index)
{
    if (at == TENFOLD_NONE) return 0;
    return ldexpf((float)tenfold_whole(at + 1, index, TENFOLD_NUMBER_BITS), tenfold_weights[at] - 128);
}

/* Centers an image on its center of mass and removes its slant: the regression of columns on rows, weighted by ink. */
static void tenfold_deskew(const float *in, float *out)
{
    float mass = 0, x = 0, y = 0, xy = 0, yy = 0;
    for (int row = 0; row < 28; row++)
        for (int column = 0; column < 28; column++) {
            const float ink = in[28 * row + column], u = (float)column - 13.5f, v = (float)row - 13.5f;
            mass += ink;
            x += ink * u;
            y += ink * v;
            xy += ink * u * v;
            yy += ink * v * v;
        }
    if (mass <= 0) mass = 1; /* A blank image stays as it is. */
    x /= mass;
    y /= mass;
    const float variance = yy / mass - y * y, least = 0.000196f;
    const float slant = (xy / mass - x * y) / (variance > least ? variance : least);
    for (int row = 0; row < 28; row++)
        for (int column = 0; column < 28; column++) {
            const float v = (float)row + y, u = (float)column + x + slant * ((float)row - 13.5f);
            const float top = floorf(v), left = floorf(u);
            float sum = 0;
            for (int corner = 0; corner < 4; corner++) {
                const float r = top + (float)(corner >> 1), c = left + (float)(corner & 1);
                if (r < 0 || r > 27 || c < 0 || c > 27) continue;
                sum += in[28 * (int)r + (int)c] * (1 - fabsf(v - r)) * (1 - fabsf(u - c));
            }
            out[28 * row + column] = sum;
        }
}

/* The central `crop` x `crop` pixels with a border of paper, standardized; patches become channels. */
static void tenfold_pixels(const float *in, float *out, int crop, int patch, int border, float mean, float spread)
{
    const int margin = (28 - crop) / 2, side = (crop + 2 * border) / patch;
    for (int row = 0; row < side * patch; row++)
        for (int column = 0; column < side * patch; column++) {
            const int v = row - border, u = column - border;
            const int inside = v >= 0 && u >= 0 && v < crop && u < crop;
            const float ink = inside ? in[28 * (v + margin) + u + margin] / 255 : 0;
            const int channel = row % patch * patch + column % patch;
            out[(channel * side + row / patch) * side + column / patch] = (ink - mean) / spread;
        }
}

/* Each output channel sees `inputs` channels: all of them, or its own alone; `kernels` is 1 if all have the same. */
static void tenfold_convolution(const float *in, float *out, int channels, int height, int width, int outputs, int rows,
                                int columns, int kernels, int inputs, int tall, int wide, int above, int left, int down,
                                int across, unsigned weights, unsigned scales, unsigned biases)
{
    for (int o = 0; o < outputs; o++) {
        float *sums = out + o * rows * columns;
        const int kernel = o % kernels;
        const float scale = tenfold_number(scales, kernel), bias = tenfold_number(biases, o);
        for (int at = 0; at < rows * columns; at++) sums[at] = 0;
        for (int i = 0, weight = kernel * inputs * tall * wide; i < inputs; i++)
            for (int y = 0; y < tall; y++)
                for (int x = 0; x < wide; x++, weight++) {
                    const float factor = (float)tenfold_whole(weights, weight, TENFOLD_BITS);
                    const float *source = in + (inputs < channels ? o : i) * height * width;
                    for (int row = 0; row < rows; row++) {
                        const int v = row * down + y - above;
                        if (v < 0 || v >= height) continue;
                        for (int column = 0; column < columns; column++) {
                            const int u = column * across + x - left;
                            if (u >= 0 && u < width) sums[row * columns + column] += factor * source[v * width + u];
                        }
                    }
                }
        for (int at = 0; at < rows * columns; at++) sums[at] = sums[at] * scale + bias;
    }
}

static void tenfold_dense(const float *in, float *out, int inputs, int outputs, unsigned weights, unsigned scales,
                          unsigned biases)
{
    for (int o = 0; o < outputs; o++) {
        float sum = 0;
        for (int i = 0; i < inputs; i++) sum += (float)tenfold_whole(weights, o * inputs + i, TENFOLD_BITS) * in[i];
        out[o] = sum * tenfold_number(scales, o) + tenfold_number(biases, o);
    }
}

static void tenfold_scale(const float *in, float *out, int channels, int area, unsigned scales, unsigned biases)
{
    for (int c = 0; c < channels; c++) {
        const float scale = tenfold_number(scales, c), bias = tenfold_number(biases, c);
        for (int at = c * area; at < (c + 1) * area; at++) out[at] = in[at] * scale + bias;
    }
}

static void tenfold_add(const float *in, float *out, const float *other, int count)
{
    for (int at = 0; at < count; at++) out[at] = in[at] + other[at];
}

/* The maximum of each `tall` x `wide` pixels. */
static void tenfold_pool(const float *in, float *out, int channels, int height, int width, int tall, int wide)
{
    for (int c = 0; c < channels; c++)
        for (int row = 0; row < height / tall; row++)
            for (int column = 0; column < width / wide; column++) {
                const float *first = in + (c * height + row * tall) * width + column * wide;
                float most = *first;
                for (int y = 0; y < tall; y++)
                    for (int x = 0; x < wide; x++)
                        if (first[y * width + x] > most) most = first[y * width + x];
                *out++ = most;
            }
}

/* Position by position, each with all its channels. */
static void tenfold_flatten(const float *in, float *out, int channels, int area)
{
    for (int c = 0; c < channels; c++)
        for (int at = 0; at < area; at++) out[at * channels + c] = in[c * area + at];
}

/* The averages of all channels, then their maxima. */
static void tenfold_mean_and_maximum(const float *in, float *out, int channels, int area)
{
    for (int c = 0; c < channels; c++) {
        float sum = 0, most = in[c * area];
        for (int at = c * area; at < (c + 1) * area; at++) {
            sum += in[at];
            if (in[at] > most) most = in[at];
        }
        out[c] = sum / (float)area;
        out[channels + c] = most;
    }
}

static void tenfold_$activation(const float *in, float *out, int count)
{
    for (int at = 0; at < count; at++) {
        const float x = in[at];
        out[at] = $expression;
    }
}

static int tenfold_predict(const unsigned char image[784], float probabilities[TENFOLD_CLASSES])
{
$buffers
    for (int at = 0; at < 784; at++) buffer_0[at] = image[at];
$calls
    int best = 0;
    float sum = 0;
    for (int c = 1; c < TENFOLD_CLASSES; c++)
        if (logits[c] > logits[best]) best = c;
    for (int c = 0; c < TENFOLD_CLASSES; c++) {
        probabilities[c] = expf(logits[c] - logits[best]);
        sum += probabilities[c];
    }
    for (int c = 0; c < TENFOLD_CLASSES; c++) probabilities[c] /= sum;
    return best;
}

#endif
