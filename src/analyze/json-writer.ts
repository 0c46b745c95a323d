/** JSON, or any text, piece by piece into chunks of bytes: for files that are larger than a string can be. */

const CHUNK = 1 << 20;
/** The most bytes of a number, and of what stands around it. */
const NUMBER = 24;
const encoder = new TextEncoder();

export class JsonWriter {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #chunk = new Uint8Array(CHUNK);
  #length = 0;

  /** `write` must have used the bytes when it returns: they are overwritten. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  text(text: string): this {
    // A character of UTF-16 has at most three bytes.
    if (this.#length + 3 * text.length > CHUNK) this.flush();
    if (3 * text.length > CHUNK) this.#write(encoder.encode(text));
    else this.#length += encoder.encodeInto(text, this.#chunk.subarray(this.#length)).written;
    return this;
  }

  /** A whole number from 0 to 2⁵³ − 1 with one ASCII character before it. */
  number(before: number, value: number): void {
    if (this.#length + NUMBER > CHUNK) this.flush();
    const chunk = this.#chunk;
    chunk[this.#length++] = before;
    let end = this.#length + 1;
    for (let rest = value; rest >= 10; rest /= 10) end++;
    this.#length = end;
    let left = value;
    // Division of integers by a constant is a multiplication; above 2³² there are few.
    while (left >= 0x80000000) {
      const tenth = Math.floor(left / 10);
      chunk[--end] = 48 + (left - tenth * 10);
      left = tenth;
    }
    let small = left | 0;
    do {
      const tenth = (small / 10) | 0;
      chunk[--end] = 48 + (small - tenth * 10);
      small = tenth;
    } while (small !== 0);
  }

  flush(): void {
    if (this.#length > 0) this.#write(this.#chunk.subarray(0, this.#length));
    this.#length = 0;
  }
}
