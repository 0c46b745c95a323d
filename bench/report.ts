// Numbers for readers: tables on the terminal and in Markdown, the bars, and the machine they were measured on.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import Terminal from 'cli-table3';
import pc from 'picocolors';
import { type Bar, isMet, type Stat, type Table } from './harness.ts';

/** Three figures, as far as there are so many behind the point. */
export function fixed(value: number | undefined): string {
  if (value === undefined) return '–';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** `12.3 (11.9–14.0)`: the median, and from the minimum to the maximum. */
export function spread(stat: Stat | undefined): string {
  return stat ? `${fixed(stat.median)} (${fixed(stat.min)}–${fixed(stat.max)})` : '–';
}

export function times(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(2)}×`;
}

export function terminal({ title, head, rows, note }: Table): string {
  const table = new Terminal({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: ['bold'], border: ['gray'], compact: true },
  });
  table.push(...rows.map((r) => [...r]));
  return `\n${pc.bold(title)}\n${table.toString()}\n${note ? `${pc.dim(note)}\n` : ''}`;
}

export function markdown({ title, head, rows, note }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = line(head.map((_, i) => (i === 0 ? '---' : '---:')));
  return [`### ${title}`, '', line(head), rule, ...rows.map(line), ...(note ? ['', note] : [])].join('\n');
}

export interface Verdict {
  readonly met: boolean | undefined;
  readonly text: string;
}

/** `bar: malloc of 8, 16 and 64 B at most 0.70× Go ... measured 0.41–0.66× ... met` */
export function judge(bar: Bar): Verdict {
  const { promise, sense, limit, unit, measured } = bar;
  const head = `bar: ${promise} ${sense} ${limit}${unit}`;
  if (!measured.length) return { met: undefined, text: `${head} ... not measured` };
  const met = isMet(bar);
  const values = measured.map((m) => m.value);
  const [low, high] = [Math.min(...values), Math.max(...values)].map(fixed);
  const range = low === high ? `${low}${unit}` : `${low}–${high}${unit}`;
  const missed = measured.filter((m) => !isMet({ ...bar, measured: [m] }));
  const detail = missed.map((m) => `\n       ${m.where}: ${fixed(m.value)}${unit}`).join('');
  const count = missed.length && measured.length > 1 ? ` in ${missed.length} of ${measured.length}` : '';
  return { met, text: `${head} ... measured ${range} ... ${met ? 'met' : `MISSED${count}${detail}`}` };
}

export function paint({ met, text }: Verdict): string {
  return met === undefined ? pc.dim(text) : met ? pc.green(text) : pc.red(text);
}

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  readonly v8: string;
  readonly go: string | null;
}

export function machine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cpus: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    v8: process.versions.v8,
    go: goVersion(),
  };
}

function goVersion(): string | null {
  try {
    return execFileSync('go', ['version'], { encoding: 'utf8' }).replace(/^go version (\S+).*\s*$/, '$1');
  } catch {
    return null;
  }
}

/** CPU time of the machine so far, in ticks: used by anybody, and taken away by the host of a virtual machine. */
export function cpuTicks(): { all: number; stolen: number } {
  try {
    const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.trim().split(/\s+/).slice(1).map(Number);
    return { all: fields.slice(0, 8).reduce((a, b) => a + b, 0), stolen: fields[7] ?? 0 };
  } catch {
    return { all: 0, stolen: 0 };
  }
}
