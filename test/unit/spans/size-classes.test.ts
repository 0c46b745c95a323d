import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderSizeClasses, SIZE_CLASSES_FILE } from '../../../scripts/render-size-classes.ts';
import type { SpanClass } from '../../../src/base/brand.ts';
import { ArgumentError } from '../../../src/base/errors.ts';
import { MAX_SIZE_CLASSES, MAX_SMALL_SIZE, PAGE_SIZE } from '../../../src/layout/constants.ts';
import { DIV_SHIFT, INVERSE_MASK } from '../../../src/layout/span.ts';
import { isNoscan, makeSpanClass, sizeClassOf } from '../../../src/layout/span-class.ts';
import {
  goSizeClasses,
  makeSizeClasses,
  type SizeClass,
  type SizeClassOptions,
  tableOf,
} from '../../../src/spans/size-classes.ts';

const GENERATIONS = ['go1.14', 'go1.16'] as const;

/** Sizes of Go's tables, as its own source lists them. */
const GO_SIZES = [
  8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480,
  512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864,
  5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760,
  24576, 27264, 28672, 32768,
];

describe('makeSizeClasses', () => {
  it("makes Go's two tables", () => {
    expect(makeSizeClasses().map((r) => r.size)).toEqual(GO_SIZES);
    expect(makeSizeClasses({ generation: 'go1.14' }).map((r) => r.size)).toEqual(
      GO_SIZES.filter((size) => size !== 24),
    );
  });

  it('knows the rows that Go documents', () => {
    const row = (size: number) => makeSizeClasses().find((r) => r.size === size);
    expect(row(24)).toMatchObject({ class: 3, npages: 1, objects: 341, tailWaste: 8, minAlign: 8 });
    expect(row(1792)).toMatchObject({ npages: 2, objects: 9, tailWaste: 256, minAlign: 256 });
    expect(row(27264)).toMatchObject({ npages: 10, objects: 3, tailWaste: 128, minAlign: 128 });
    expect(row(32768)).toMatchObject({ class: 67, npages: 4, objects: 1, tailWaste: 0, minAlign: 8192 });
    expect(row(6784)?.maxWaste).toBeCloseTo(0.0436, 4);
  });

  it('keeps its promises for any page size, waste and generation', () => {
    const options: fc.Arbitrary<SizeClassOptions> = fc.record({
      generation: fc.constantFrom(...GENERATIONS),
      pageSize: fc.integer({ min: 10, max: 16 }).map((n) => 1 << n),
      maxWaste: fc.double({ min: 0.07, max: 0.5, noNaN: true }),
    });
    fc.assert(
      fc.property(options, (o) => {
        const rows = makeSizeClasses(o);
        expect(rows.length).toBeLessThan(MAX_SIZE_CLASSES);
        expect(rows.at(-1)?.size).toBe(MAX_SMALL_SIZE);
        for (const [i, r] of rows.entries()) {
          const spanBytes = r.npages * o.pageSize!;
          expect([r.class, r.objects, r.tailWaste]).toEqual([
            i + 1,
            Math.floor(spanBytes / r.size),
            spanBytes % r.size,
          ]);
          expect(r.size).toBeGreaterThan(rows[i - 1]?.size ?? 0);
          expect(r.size % (r.size > 1024 ? 128 : 8)).toBe(0);
          const { npages, objects } = rows[i - 1] ?? {};
          expect([npages, objects]).not.toEqual([r.npages, r.objects]);
          expect(r.tailWaste).toBeLessThanOrEqual(spanBytes * o.maxWaste!);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes a list of sizes as it is', () => {
    const rows = makeSizeClasses({ classes: [16, 96, 1000, 1024, 5120, 32768] });
    expect(rows.map((r) => [r.size, r.npages])).toEqual([
      [16, 1],
      [96, 1],
      [1000, 1],
      [1024, 1],
      [5120, 2],
      [32768, 4],
    ]);
    const table = tableOf(rows);
    expect([1, 17, 97, 1001, 1025, 5121].map((size) => table.roundupsize(size))).toEqual(rows.map((r) => r.size));
  });

  it.each<[SizeClassOptions, RegExp]>([
    [{ generation: 'go1.15' as 'go1.14' }, /generation is "go1\.15"/],
    [{ pageSize: 5000 }, /pageSize is 5000; it must be a power of two/],
    [{ pageSize: 512 }, /pageSize is 512/],
    [{ pageSize: Number.NaN }, /pageSize is NaN/],
    [null as never, /makeSizeClasses: options must be an object/],
    [
      { pagesize: 8192 } as never,
      /makeSizeClasses: unknown option "pagesize"; known are generation, pageSize, maxWaste/,
    ],
    [{ classes: 16 as never }, /classes must be an array of sizes, not 16/],
    [{ maxWaste: 0 }, /maxWaste is 0; it must be above 0/],
    [{ maxWaste: Number.NaN }, /maxWaste is NaN/],
    [{ maxWaste: 0.01 }, /265 classes; at most 127 are possible/],
    [{ classes: [] }, /the last size is 0; it must be 32768/],
    [{ classes: [8, 16] }, /the last size is 16/],
    [{ classes: [16, 16, 32768] }, /size 16 comes after 16/],
    [{ classes: [32, 16, 32768] }, /size 16 comes after 32/],
    [{ classes: [0, 32768] }, /size 0 is not a positive multiple of 8/],
    [{ classes: [-8, 32768] }, /size -8 is not/],
    [{ classes: [12, 32768] }, /size 12 is not a positive multiple of 8/],
    [{ classes: [8.5, 32768] }, /size 8\.5 is not/],
    [{ classes: [1032, 32768] }, /size 1032 is not a positive multiple of 128/],
    [{ classes: [Number.NaN, 32768] }, /size NaN is not/],
    [{ classes: ['16' as unknown as number, 32768] }, /size 16 is not/],
  ])('refuses %j', (options, message) => {
    expect(() => makeSizeClasses(options)).toThrow(ArgumentError);
    expect(() => makeSizeClasses(options)).toThrow(message);
  });
});

describe('tableOf', () => {
  const [small, large] = makeSizeClasses({ classes: [16, 32768] }) as [SizeClass, SizeClass];

  it.each<[SizeClass[], RegExp]>([
    [[], /the last size is 0/],
    [[small], /the last size is 16/],
    [[large, small], /size 16 comes after 32768/],
    [[{ ...small, npages: 0 }, large], /0 pages of 8192 bytes make no span for size 16/],
    [[{ ...small, npages: 1.5 }, large], /1\.5 pages/],
    [[small, { ...large, npages: 3 }], /3 pages of 8192 bytes make no span for size 32768/],
    [[{ ...small, npages: 1000 }, large], /1000 pages/],
    [[{} as SizeClass, large], /size undefined is not/],
  ])('refuses rows that no heap can use (%#)', (rows, message) => {
    expect(() => tableOf(rows)).toThrow(ArgumentError);
    expect(() => tableOf(rows)).toThrow(message);
  });
});

describe('SizeClassTable', () => {
  it('is not to be had of a version that Go never had', () => {
    expect(() => goSizeClasses('go1.20' as 'go1.16')).toThrow(
      "goSizeClasses: expected 'go1.14' or 'go1.16', got \"go1.20\"",
    );
  });

  it.each(GENERATIONS)('finds in %s the smallest class that is large enough', (generation) => {
    const table = goSizeClasses(generation);
    let c = 0;
    for (let size = 0; size <= MAX_SMALL_SIZE; size++) {
      if (size > table.size[c]!) c++;
      if (table.classOf(size) !== c || table.roundupsize(size) !== table.size[c]) expect.fail(`size ${size}`);
    }
    expect([table.count, c]).toEqual([generation === 'go1.14' ? 67 : 68, table.count - 1]);
  });

  // All offsets of all spans: 2.7 million.
  it.each(GENERATIONS)('divides in %s by multiplying, exactly', (generation) => {
    const table = goSizeClasses(generation);
    const rows = makeSizeClasses({ generation });
    for (let c = 1; c < table.count; c++) {
      const [size, div, magic] = [table.size[c]!, table.div[c]!, rows[c - 1]!.divMagic];
      for (let off = 0, index = 0, rest = 0; off < table.npages[c]! * PAGE_SIZE; off++) {
        if (Math.imul(off >>> 3, div >>> DIV_SHIFT) >>> div !== index) expect.fail(`class ${c} offset ${off}`);
        if (Math.floor((off * magic) / 2 ** 32) !== index) expect.fail(`class ${c} offset ${off}: divMagic`);
        if (++rest === size) {
          rest = 0;
          index++;
        }
      }
    }
  });

  it.each(GENERATIONS)(
    'tells in %s for every byte of every span whether a slot begins there, and which',
    (generation) => {
      const table = goSizeClasses(generation);
      for (let c = 1; c <= table.tinyClass; c++) {
        const [size, inverse, nelems] = [table.size[c]!, table.inverse[c]!, table.nelems[c]!];
        for (let off = 0; off < table.npages[c]! * PAGE_SIZE; off++) {
          const product = Math.imul(off, inverse & INVERSE_MASK);
          const index = ((product >>> inverse) | (product << (32 - inverse))) >>> 0;
          // Bytes behind the last slot are a multiple of the size at times, but that of no slot.
          const expected = off % size === 0 ? off / size : undefined;
          if (expected === undefined ? index < nelems : index !== expected)
            expect.fail(`class ${c} offset ${off}: ${index}`);
        }
      }
    },
  );

  it('rounds larger sizes to whole pages', () => {
    const table = goSizeClasses('go1.16');
    expect([32769, 40960, 40961, 2 ** 32, 2 ** 50 + 1].map((n) => table.roundupsize(n))).toEqual([
      40960,
      40960,
      49152,
      2 ** 32,
      2 ** 50 + PAGE_SIZE,
    ]);
  });
});

describe('spanClass', () => {
  it('is the size class and a bit', () => {
    for (let c = 0; c < MAX_SIZE_CLASSES; c++) {
      for (const noscan of [false, true]) {
        const spanClass = makeSpanClass(c, noscan);
        expect([spanClass, sizeClassOf(spanClass), isNoscan(spanClass)]).toEqual([2 * c + Number(noscan), c, noscan]);
      }
    }
    expect(makeSpanClass(2, true)).toBe(5 as SpanClass);
  });
});

describe('the generated file', () => {
  it('is what the generator makes (npm run generate)', () => {
    expect(readFileSync(SIZE_CLASSES_FILE, 'utf8')).toBe(renderSizeClasses());
  });
});
