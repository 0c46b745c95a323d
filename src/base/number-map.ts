/**
 * From numbers (IDs, addresses) to object numbers: open addressing with linear probing over two typed arrays, at most
 * half full. A JS Map does the same with numbers above 2³¹ on V8's heap, at three times the time for a million entries.
 *
 * Invariant: a slot with value -1 is empty; every key stands between its home slot and the next empty slot.
 */
export class NumberMap {
  private keys = new Float64Array(1024);
  private values = new Int32Array(1024).fill(-1);
  private count = 0;

  /** The value of `key`, or -1. */
  get(key: number): number {
    return this.values[this.slotOf(key)];
  }

  /** Adds or replaces; `value` ≥ 0. */
  set(key: number, value: number): void {
    if (this.count * 2 >= this.keys.length) this.grow();
    const slot = this.slotOf(key);
    if (this.values[slot] === -1) this.count++;
    this.keys[slot] = key;
    this.values[slot] = value;
  }

  delete(key: number): void {
    const { keys, values } = this;
    const mask = keys.length - 1;
    let hole = this.slotOf(key);
    if (values[hole] === -1) return;
    this.count--;
    // Close the gap: whatever follows in the run and may stand at the hole moves there.
    for (let slot = (hole + 1) & mask; values[slot] !== -1; slot = (slot + 1) & mask) {
      const home = hash(keys[slot]) & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        keys[hole] = keys[slot];
        values[hole] = values[slot];
        hole = slot;
      }
    }
    values[hole] = -1;
  }

  /** Slot that holds `key`, or the empty one where it belongs. */
  private slotOf(key: number): number {
    const { keys, values } = this;
    const mask = keys.length - 1;
    let slot = hash(key) & mask;
    while (values[slot] !== -1 && keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const { keys, values } = this;
    this.keys = new Float64Array(keys.length * 2);
    this.values = new Int32Array(keys.length * 2).fill(-1);
    for (let i = 0; i < keys.length; i++) {
      if (values[i] === -1) continue;
      const slot = this.slotOf(keys[i]);
      this.keys[slot] = keys[i];
      this.values[slot] = values[i];
    }
  }
}

/** Spreads all 53 bits; addresses differ mostly in bits 4 to 24, IDs in the lowest. */
function hash(key: number): number {
  const high = (key / 4294967296) | 0;
  const mixed = Math.imul(key ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
