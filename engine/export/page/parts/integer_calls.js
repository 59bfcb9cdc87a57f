"use strict";
/* The calls of an int8 network, under the names of their classes in the engine, which describe them. A call reads an
   Int8Array, row by row with the channels last, and returns another one. All sums are whole and below 2^53. */
const CALLS = {
  IntegerConv2D(call, x) {
    const { window: w, pool, weight, in_shape: [, , channels], out_shape: [rows, columns, filters] } = call;
    const image = paddedImage(call, x, rows * pool, columns * pool);
    const line = w.kernel * channels, taps = w.kernel * line;
    const window = new Int32Array(taps), sums = new Int32Array(rows * columns * filters).fill(-(2 ** 31));
    for (let i = 0; i < rows * pool; i++) {
      for (let j = 0; j < columns * pool; j++) {
        for (let k = 0; k < w.kernel; k++) {
          const start = ((i * w.stride + k) * image.width + j * w.stride) * channels;
          for (let n = 0; n < line; n++) window[k * line + n] = image.pixels[start + n];
        }
        const to = (Math.floor(i / pool) * columns + Math.floor(j / pool)) * filters;
        for (let f = 0; f < filters; f++) sums[to + f] = Math.max(sums[to + f], dot(window, weight, f * taps));
      }
    }
    return finish(call, sums);
  },

  IntegerDepthwise(call, x) {
    const { window: w, weight } = call;
    const [rows, columns, channels] = asImage(call.out_shape);
    const image = paddedImage(call, x, rows, columns), sums = new Int32Array(rows * columns * channels);
    for (let at = 0; at < sums.length; at++) {
      const c = at % channels, j = Math.floor(at / channels) % columns, i = Math.floor(at / channels / columns);
      for (let tap = 0; tap < w.kernel * w.kernel; tap++) {
        const row = i * w.stride + Math.floor(tap / w.kernel), column = j * w.stride + (tap % w.kernel);
        sums[at] += weight[tap * channels + c] * image.pixels[(row * image.width + column) * channels + c];
      }
    }
    return finish(call, sums);
  },

  IntegerDense(call, x) {
    const centred = Int32Array.from(x, (q) => q - call.source.zero_point);
    return finish(call, call.bias.map((_, unit) => dot(centred, call.weight, unit * x.length)));
  },

  IntegerMaxPool(call, x) {
    return pooled(call, x, call.size, call.size, (numbers) => numbers.reduce((a, b) => Math.max(a, b)));
  },

  IntegerAvgPool(call, x) {
    const count = call.window_height * call.window_width;
    return pooled(call, x, call.window_height, call.window_width, (numbers) => {
      const sum = numbers.reduce((a, b) => a + b);
      return Math.sign(sum) * Math.floor((Math.abs(sum) + (count >> 1)) / count);
    });
  },

  IntegerUpsampling(call, x) {
    const [, width, channels] = call.in_shape, [, columns] = call.out_shape;
    return outputs(call, (at) => {
      const c = at % channels, j = Math.floor(at / channels) % columns, i = Math.floor(at / channels / columns);
      return x[(Math.floor(i / call.factor) * width + Math.floor(j / call.factor)) * channels + c];
    });
  },

  IntegerPReLU(call, x) {
    const channels = call.in_shape.at(-1);
    return x.map((q, at) => {
      const centred = q - call.source.zero_point, number = (centred >= 0 ? 0 : channels) + (at % channels);
      const scaled = scale(centred * call.weight[number], call.multiplier[number], call.shift[number]);
      return clamp(scaled + call.target.zero_point, -128, 127);
    });
  },

  IntegerTable(call, x) {
    return x.map((q) => call.table[q + 128]);
  },

  IntegerSoftmax(call, x) {
    const channels = call.in_shape.at(-1), y = new Int8Array(x.length);
    for (let start = 0; start < x.length; start += channels) {
      const pixel = x.subarray(start, start + channels), largest = Math.max(...pixel);
      const e = Array.from(pixel, (q) => call.table[largest - q]), total = e.reduce((a, b) => a + b);
      e.forEach((v, c) => {
        y[start + c] = Math.min(Math.floor((256 * v + Math.floor(total / 2)) / total) - 128, 127);
      });
    }
    return y;
  },

  IntegerGather(call, x) {
    return outputs(call, (at) => x[call.order[at]]);
  },
};

function clamp(v, low, high) {
  return Math.min(Math.max(v, low), high);
}

function outputs(call, number) {
  return Int8Array.from({ length: call.out_shape.reduce((a, b) => a * b) }, (_, at) => number(at));
}

function dot(x, weight, start) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum = (sum + Math.imul(x[i], weight[start + i])) | 0;
  return sum;
}

/* x * multiplier / 2^31, halves up, then / 2^shift, halves away from zero. The product has up to 61 bits, more than
   a number can hold, so the multiplier is taken in two parts. */
function scale(x, multiplier, shift) {
  const high = x * (multiplier >> 16), low = x * (multiplier & 0xffff) + 2 ** 30, whole = Math.floor(high / 2 ** 15);
  const product = whole + Math.floor(((high - whole * 2 ** 15) * 2 ** 16 + low) / 2 ** 31);
  return Math.floor((product + 2 ** (shift - 1) - (product < 0 ? 1 : 0)) / 2 ** shift);
}

/* Adds the bias to sums and requantizes them; the channel runs fastest. */
function finish({ bias, requantization: r }, sums) {
  const y = new Int8Array(sums.length), only = r.multiplier.length === 1;
  for (let at = 0; at < sums.length; at++) {
    const c = at % bias.length, number = only ? 0 : c;
    const scaled = scale(sums[at] + bias[c], r.multiplier[number], r.shift[number]);
    const q = clamp(scaled + r.zero_point, r.low, r.high);
    y[at] = r.table ? r.table[q + 128] : q;
  }
  return y;
}

function asImage(shape) {
  return shape.length === 3 ? shape : [1, 1, ...shape];
}

/* Returns x without its zero point, with the zeros around it that rows * columns windows need. */
function paddedImage({ in_shape, window: w, source }, x, rows, columns) {
  const [height, width, channels] = asImage(in_shape);
  const needed = [rows, columns].map((n) => (n - 1) * w.stride + w.kernel);
  const tall = Math.max(needed[0], w.top + height), wide = Math.max(needed[1], w.left + width);
  const pixels = new Int32Array(tall * wide * channels), line = width * channels;
  for (let i = 0; i < height; i++) {
    const start = ((w.top + i) * wide + w.left) * channels;
    for (let j = 0; j < line; j++) pixels[start + j] = x[i * line + j] - source.zero_point;
  }
  return { pixels, width: wide };
}

/* Returns one number for each rectangle of pixels and each channel. */
function pooled(call, x, height, width, reduce) {
  const [, across, channels] = asImage(call.in_shape), columns = asImage(call.out_shape)[1];
  const numbers = new Int32Array(height * width);
  return outputs(call, (at) => {
    const c = at % channels, j = Math.floor(at / channels) % columns, i = Math.floor(at / channels / columns);
    for (let n = 0; n < numbers.length; n++) {
      const row = i * height + Math.floor(n / width), column = j * width + (n % width);
      numbers[n] = x[(row * across + column) * channels + c];
    }
    return reduce(numbers);
  });
}
