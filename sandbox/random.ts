/** A repeatable stream of numbers in [0, 1), told apart by every part of its seed. */
export function randomFrom(...seed: readonly number[]): () => number {
  let state = seed.reduce((hash, part) => mix(hash ^ Math.trunc(part)), 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return (mix(state) >>> 0) / 2 ** 32;
  };
}

function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
