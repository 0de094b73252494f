// The random numbers of PyTorch on a CPU, so that the same seed gives the same initial weights and the same order of images.

const SIZE = 624;

export interface Generator {
  // An integer of 32 bits.
  next(): number;
  // A float32 from `low` to `high`, as of `Tensor.uniform_`.
  uniform(low: number, high: number): number;
  // The numbers 0 to `count` - 1 in random order, as of `torch.randperm`.
  permutation(count: number): Uint32Array;
}

// Matsumoto and Nishimura (1998), "Mersenne twister", MT19937; seeded as by `torch.manual_seed`.
export const createGenerator = (seed: number): Generator => {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let place = SIZE;
  const twist = () => {
    for (let i = 0; i < SIZE; i++) {
      const bits = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + 397) % SIZE] ^ (bits >>> 1) ^ (bits & 1 && 0x9908b0df);
    }
    place = 0;
  };
  const next = () => {
    if (place === SIZE) twist();
    let bits = state[place++];
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  };
  return {
    next,
    uniform: (low, high) => Math.fround(Math.fround((next() & 0xffffff) / 2 ** 24) * Math.fround(high - low) + low),
    permutation: (count) => {
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      for (let i = 0; i < count - 1; i++) {
        const other = i + (next() % (count - i));
        [order[i], order[other]] = [order[other], order[i]];
      }
      return order;
    },
  };
};

// The first number of NumPy's `SeedSequence(numbers).generate_state(1)`, for up to four numbers of 32 bits: O'Neill (2015),
// "Developing a seed_seq alternative".
export const seedOf = (numbers: readonly number[]): number => {
  let constant = 0x43b0d7e5;
  const scrambled = (value: number, multiplier: number): number => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, multiplier);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> 16);
  };
  const pool = Array.from({ length: 4 }, (_, i) => scrambled(numbers[i] ?? 0, 0x931e8875));
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const mixed = Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, scrambled(pool[from], 0x931e8875));
      pool[to] = (mixed | 0) ^ ((mixed | 0) >>> 16);
    }
  constant = 0x8b51f9dd;
  return scrambled(pool[0], 0x58f38ded) >>> 0;
};
