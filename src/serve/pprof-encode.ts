/**
 * A heap profile in the format of pprof (`profile.proto`), with Go's sample types, so that `go tool pprof`, speedscope and
 * other viewers read it (Go: pprof/protomem.go `writeHeapProto`, `scaleHeapSample`).
 */
import { gzipSync } from 'node:zlib';
import { type LabelInput, Profile, StringTable, type ValueTypeInput } from 'pprof-format';
import { checkNames } from '../base/check.ts';
import { describe } from '../base/describe.ts';
import { ArgumentError } from '../base/errors.ts';
import type { MemProfile, MemProfileRecord } from '../observe/mem-profile.ts';
import type { StackFrame } from '../spans/profile-records.ts';
import { nameOf, Sources } from './pprof-sources.ts';

/** What a viewer shows first. */
export type SampleType = 'alloc_objects' | 'alloc_space' | 'inuse_objects' | 'inuse_space';

/** Options of `encodeHeapProfile` and `writeHeapProfile`. */
export interface EncodeOptions {
  /** Whether source maps are applied: inline ones, and files beside the scripts. Default: true. */
  readonly sourceMaps?: boolean | undefined;
  /** Default: 'inuse_space', as Go's heap profile. */
  readonly defaultSampleType?: SampleType | undefined;
  /** When the profile was taken, in milliseconds since 1970. Default: now. */
  readonly time?: number | undefined;
  /** How long it took, of a profile that is the difference of two, in milliseconds. */
  readonly durationMs?: number | undefined;
}

const SAMPLE_TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
] as const;

/**
 * How many objects and bytes stand behind those that were sampled. An object of s bytes is sampled with probability
 * 1 − exp(−s / rate).
 */
export function scaleHeapSample(count: number, size: number, rate: number): [count: number, bytes: number] {
  if (count === 0 || size === 0) return [0, 0];
  const scale = rate <= 1 ? 1 : 1 / (1 - Math.exp(-(size / count) / rate));
  return [Math.trunc(count * scale), Math.trunc(size * scale)];
}

/** The four values of a record, in the order of the sample types. */
function valuesOf(record: MemProfileRecord): number[] {
  const { rate } = record;
  return [
    ...scaleHeapSample(record.allocObjects, record.allocBytes, rate),
    ...scaleHeapSample(record.inuseObjects, record.inuseBytes, rate),
  ];
}

/** The profile as gzipped profile.proto: the content of a file that `go tool pprof FILE` opens. */
export function encodeHeapProfile(profile: MemProfile, options: EncodeOptions = {}): Uint8Array {
  checkNames('encodeHeapProfile', options, ['sourceMaps', 'defaultSampleType', 'time', 'durationMs']);
  const { defaultSampleType = 'inuse_space', time = Date.now(), durationMs = 0 } = options;
  if (!SAMPLE_TYPES.some(([type]) => type === defaultSampleType)) {
    throw new ArgumentError(
      'ERR_INVALID_ARGUMENT',
      `encodeHeapProfile: there is no sample type ${describe(defaultSampleType)}`,
    );
  }
  const strings = new StringTable();
  const places = new Places(strings);
  const sources = new Sources(options.sourceMaps ?? true);
  const valueType = (type: string, unit: string): ValueTypeInput => ({
    type: strings.dedup(type),
    unit: strings.dedup(unit),
  });
  const sample = profile.records.map((record) => ({
    locationId: sources.resolve(record.stack).map((frame) => places.locationOf(frame)),
    value: valuesOf(record),
    label: labelsOf(record, strings),
  }));
  const encoded = new Profile({
    sampleType: SAMPLE_TYPES.map(([type, unit]) => valueType(type, unit)),
    sample,
    mapping: [
      {
        id: 1,
        filename: strings.dedup(process.argv[1] ?? 'node'),
        hasFunctions: true,
        hasFilenames: true,
        hasLineNumbers: true,
      },
    ],
    location: places.locations,
    function: places.functions,
    stringTable: strings,
    timeNanos: BigInt(Math.trunc(time)) * 1_000_000n,
    durationNanos: Math.trunc(durationMs) * 1_000_000,
    periodType: valueType('space', 'bytes'),
    period: profile.rate,
    defaultSampleType: strings.dedup(defaultSampleType),
    ...(profile.lost > 0 && { comment: [strings.dedup(`${profile.lost} samples were lost: no memory for them`)] }),
  }).encode();
  return gzipSync(encoded);
}

function labelsOf(record: MemProfileRecord, strings: StringTable): LabelInput[] {
  const text = (key: string, value: string): LabelInput => ({ key: strings.dedup(key), str: strings.dedup(value) });
  const labels: LabelInput[] = [{ key: strings.dedup('bytes'), num: record.size, numUnit: strings.dedup('bytes') }];
  if (record.type !== undefined) labels.push(text('type', record.type));
  if (record.thread !== undefined)
    labels.push(text('thread', record.thread === 0 ? 'main' : `worker ${record.thread}`));
  return labels;
}

/** Locations and functions, each once. Ids are from 1 on. */
class Places {
  readonly locations: {
    id: number;
    mappingId: number;
    line: { functionId: number; line: number; column: number }[];
  }[] = [];
  readonly functions: { id: number; name: number; systemName: number; filename: number }[] = [];
  readonly #strings: StringTable;
  readonly #locationIds = new Map<string, number>();
  readonly #functionIds = new Map<string, number>();

  constructor(strings: StringTable) {
    this.#strings = strings;
  }

  locationOf(frame: StackFrame): number {
    const functionId = this.#functionOf(nameOf(frame), frame.file);
    const { line, column } = frame;
    return idOf(this.#locationIds, `${functionId} ${line} ${column}`, (id) => {
      this.locations.push({ id, mappingId: 1, line: [{ functionId, line, column }] });
    });
  }

  #functionOf(functionName: string, file: string): number {
    return idOf(this.#functionIds, JSON.stringify([functionName, file]), (id) => {
      const name = this.#strings.dedup(functionName);
      this.functions.push({ id, name, systemName: name, filename: this.#strings.dedup(file) });
    });
  }
}

function idOf(ids: Map<string, number>, key: string, make: (id: number) => void): number {
  let id = ids.get(key);
  if (id === undefined) {
    id = ids.size + 1;
    ids.set(key, id);
    make(id);
  }
  return id;
}
