// What training spends its time on, in AssemblyScript: compiled to WebAssembly, which multiplies four numbers at a time.
// All addresses and strides are in bytes, all numbers float32. Columns are worked on eight at a time: arrays must be that
// much longer, and what is in the rest is never read.

type Address = i32;

// sum + a * b, in one rounding where the processor can (the relaxed SIMD of WebAssembly).
@inline function plusProduct(sum: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}

@inline function column8(k: i32, a: Address, step: i32, rows: Address, shift: i32, to: Address): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  for (let i = 0; i < k; i++) {
    const b = load<i32>(rows + (i << 2)) + shift;
    const v = v128.load32_splat(a);
    s0 = plusProduct(s0, v, v128.load(b));
    s1 = plusProduct(s1, v, v128.load(b, 16));
    a += step;
  }
  v128.store(to, s0);
  v128.store(to, s1, 16);
}

// C[m,n] = A[m,k] B[k,n]. A's element (i, j) is at a + i * aRow + j * aColumn; the k rows of B are at the addresses that are
// listed at `rows`.
export function product(
  m: i32, n: i32, k: i32, a: Address, aRow: i32, aColumn: i32, rows: Address, c: Address, cRow: i32,
): void {
  const whole = m & ~3;
  for (let column = 0; column < n; column += 8) {
    const shift = column << 2;
    for (let row = 0; row < whole; row += 4) {
      let p0 = a + row * aRow;
      let p1 = p0 + aRow;
      let p2 = p1 + aRow;
      let p3 = p2 + aRow;
      let s00 = f32x4.splat(0);
      let s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
      for (let i = 0; i < k; i++) {
        const b = load<i32>(rows + (i << 2)) + shift;
        const b0 = v128.load(b);
        const b1 = v128.load(b, 16);
        let v = v128.load32_splat(p0);
        s00 = plusProduct(s00, v, b0);
        s01 = plusProduct(s01, v, b1);
        v = v128.load32_splat(p1);
        s10 = plusProduct(s10, v, b0);
        s11 = plusProduct(s11, v, b1);
        v = v128.load32_splat(p2);
        s20 = plusProduct(s20, v, b0);
        s21 = plusProduct(s21, v, b1);
        v = v128.load32_splat(p3);
        s30 = plusProduct(s30, v, b0);
        s31 = plusProduct(s31, v, b1);
        p0 += aColumn;
        p1 += aColumn;
        p2 += aColumn;
        p3 += aColumn;
      }
      let to = c + row * cRow + shift;
      v128.store(to, s00);
      v128.store(to, s01, 16);
      to += cRow;
      v128.store(to, s10);
      v128.store(to, s11, 16);
      to += cRow;
      v128.store(to, s20);
      v128.store(to, s21, 16);
      to += cRow;
      v128.store(to, s30);
      v128.store(to, s31, 16);
    }
    for (let row = whole; row < m; row++) column8(k, a + row * aRow, aColumn, rows, shift, c + row * cRow + shift);
  }
}

@inline function total(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

// C[m,n] = A[m,k] B[n,k]^T. The n rows of B are at the addresses that are listed at `rows`; what is behind k numbers, up to a multiple
// of four, must be 0 in A.
export function dots(m: i32, n: i32, k: i32, a: Address, aRow: i32, rows: Address, c: Address, cRow: i32): void {
  const bytes = k << 2;
  for (let row = 0; row < m; row += 2) {
    const p0 = a + row * aRow;
    // Of an odd number of rows the last is computed twice.
    const two = row + 1 < m ? 1 : 0;
    const p1 = p0 + two * aRow;
    const to = c + row * cRow;
    for (let column = 0; column < n; column += 4) {
      const left = min(4, n - column);
      const list = rows + (column << 2);
      const q0 = load<i32>(list);
      const q1 = left > 1 ? load<i32>(list, 4) : q0;
      const q2 = left > 2 ? load<i32>(list, 8) : q0;
      const q3 = left > 3 ? load<i32>(list, 12) : q0;
      let s00 = f32x4.splat(0);
      let s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
      for (let i = 0; i < bytes; i += 16) {
        const a0 = v128.load(p0 + i);
        const a1 = v128.load(p1 + i);
        let b = v128.load(q0 + i);
        s00 = plusProduct(s00, a0, b);
        s10 = plusProduct(s10, a1, b);
        b = v128.load(q1 + i);
        s01 = plusProduct(s01, a0, b);
        s11 = plusProduct(s11, a1, b);
        b = v128.load(q2 + i);
        s02 = plusProduct(s02, a0, b);
        s12 = plusProduct(s12, a1, b);
        b = v128.load(q3 + i);
        s03 = plusProduct(s03, a0, b);
        s13 = plusProduct(s13, a1, b);
      }
      const at = to + (column << 2);
      const below = at + two * cRow;
      store<f32>(below, total(s10));
      store<f32>(at, total(s00));
      if (left > 1) {
        store<f32>(below, total(s11), 4);
        store<f32>(at, total(s01), 4);
      }
      if (left > 2) {
        store<f32>(below, total(s12), 8);
        store<f32>(at, total(s02), 8);
      }
      if (left > 3) {
        store<f32>(below, total(s13), 12);
        store<f32>(at, total(s03), 12);
      }
    }
  }
}

// One step of Adam (Kingma and Ba 2015, algorithm 1) for `count` weights, a multiple of four; with weight decay decoupled
// from the gradient, AdamW (Loshchilov and Hutter 2019). As PyTorch computes it: what corrects the moments is in `rate` and
// `root`. keep: 1 - learning rate * weight decay.
export function adam(
  count: i32, weights: Address, gradient: Address, first: Address, second: Address,
  beta1: f32, beta2: f32, rate: f32, root: f32, epsilon: f32, keep: f32,
): void {
  const b1 = f32x4.splat(1 - beta1), b2 = f32x4.splat(beta2), c2 = f32x4.splat(1 - beta2);
  const r = f32x4.splat(rate), s = f32x4.splat(root), e = f32x4.splat(epsilon), w = f32x4.splat(keep);
  const bytes = count << 2;
  for (let i = 0; i < bytes; i += 16) {
    const g = v128.load(gradient + i);
    let m = v128.load(first + i);
    m = f32x4.add(m, f32x4.mul(b1, f32x4.sub(g, m)));
    const v = f32x4.add(f32x4.mul(v128.load(second + i), b2), f32x4.mul(c2, f32x4.mul(g, g)));
    v128.store(first + i, m);
    v128.store(second + i, v);
    const by = f32x4.div(f32x4.mul(r, m), f32x4.add(f32x4.div(f32x4.sqrt(v), s), e));
    v128.store(weights + i, f32x4.sub(f32x4.mul(v128.load(weights + i), w), by));
  }
}

// Feature maps: of each channel a batch of images of side * side numbers, each within a border of zeros. The next functions
// work on the `count` numbers of one channel, borders included; `mask` has a 1 for each number that is not in a border.

// Adds up in single precision so many times, and then in double.
const RUN: i32 = 256;

// The sum of a channel's numbers, and the sum of their squares, to the two numbers of double precision at `sums`.
export function moments(count: i32, mask: Address, x: Address, sums: Address): void {
  let sum: f64 = 0, squares: f64 = 0;
  for (let start = 0; start < count; start += RUN) {
    let s = f32x4.splat(0), q = s;
    const end = min(start + RUN, count) << 2;
    for (let i = start << 2; i < end; i += 16) {
      const v = f32x4.mul(v128.load(x + i), v128.load(mask + i));
      s = f32x4.add(s, v);
      q = plusProduct(q, v, v);
    }
    sum += <f64>total(s);
    squares += <f64>total(q);
  }
  store<f64>(sums, sum);
  store<f64>(sums, squares, 8);
}

// to = max(x * scale + shift + added, 0), with nothing added where that address is 0.
export function scaleRelu(
  count: i32, mask: Address, x: Address, scale: f32, shift: f32, added: Address, to: Address,
): void {
  const a = f32x4.splat(scale), b = f32x4.splat(shift), zero = f32x4.splat(0);
  for (let i = 0; i < count << 2; i += 16) {
    let v = f32x4.add(f32x4.mul(v128.load(x + i), a), b);
    if (added) v = f32x4.add(v, v128.load(added + i));
    v128.store(to + i, f32x4.mul(f32x4.max(v, zero), v128.load(mask + i)));
  }
}

// The gradient behind the ReLU, which is 0 where y is, as in the border; its sum, and its sum of products with x, go to
// `sums`.
export function reluGradient(count: i32, y: Address, x: Address, gradient: Address, sums: Address): void {
  const zero = f32x4.splat(0);
  let sum: f64 = 0, products: f64 = 0;
  for (let start = 0; start < count; start += RUN) {
    let s = zero, q = zero;
    const end = min(start + RUN, count) << 2;
    for (let i = start << 2; i < end; i += 16) {
      const v = v128.and(v128.load(gradient + i), f32x4.gt(v128.load(y + i), zero));
      v128.store(gradient + i, v);
      s = f32x4.add(s, v);
      q = plusProduct(q, v, v128.load(x + i));
    }
    sum += <f64>total(s);
    products += <f64>total(q);
  }
  store<f64>(sums, sum);
  store<f64>(sums, products, 8);
}

// to = gradient * a + x * b + c: the gradient of what was normalized.
export function normGradient(
  count: i32, mask: Address, gradient: Address, x: Address, a: f32, b: f32, c: f32, to: Address,
): void {
  const va = f32x4.splat(a), vb = f32x4.splat(b), vc = f32x4.splat(c);
  for (let i = 0; i < count << 2; i += 16) {
    const v = f32x4.add(f32x4.mul(v128.load(gradient + i), va), f32x4.mul(v128.load(x + i), vb));
    v128.store(to + i, f32x4.mul(f32x4.add(v, vc), v128.load(mask + i)));
  }
}

// to += from.
export function accumulate(count: i32, from: Address, to: Address): void {
  for (let i = 0; i < count << 2; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)));
}

// 2x2 max pooling of the `images` images of a channel, to half the side, rounded down.
export function pool(images: i32, side: i32, x: Address, to: Address): void {
  const row = (side + 2) << 2, half = side >> 1, halfRow = (half + 2) << 2;
  for (let image = 0; image < images; image++) {
    for (let y = 0; y < half; y++) {
      let at = x + (image * (side + 2) + 2 * y + 1) * row + 4;
      let out = to + (image * (half + 2) + y + 1) * halfRow + 4;
      for (let i = 0; i < half; i++) {
        store<f32>(out, max(max(load<f32>(at), load<f32>(at, 4)), max(load<f32>(at + row), load<f32>(at + row, 4))));
        at += 8;
        out += 4;
      }
    }
  }
}

// The gradient before the pooling. It goes to the first of the largest, as in PyTorch.
export function poolGradient(images: i32, side: i32, x: Address, gradient: Address, to: Address): void {
  const row = (side + 2) << 2, half = side >> 1, halfRow = (half + 2) << 2;
  for (let image = 0; image < images; image++) {
    // The last row and column of an odd side are in no pool.
    memory.fill(to + image * (side + 2) * row, 0, (side + 2) * row);
    for (let y = 0; y < half; y++) {
      const at = (image * (side + 2) + 2 * y + 1) * row + 4;
      let from = gradient + (image * (half + 2) + y + 1) * halfRow + 4;
      for (let i = 0; i < half; i++) {
        let best = at + (i << 3);
        let most = load<f32>(x + best);
        for (let corner = 1; corner < 4; corner++) {
          const other = at + (i << 3) + ((corner & 1) << 2) + (corner >> 1) * row;
          if (load<f32>(x + other) > most) {
            most = load<f32>(x + other);
            best = other;
          }
        }
        store<f32>(to + best, load<f32>(from));
        from += 4;
      }
    }
  }
}
