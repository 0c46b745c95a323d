/** What is said of wrong command lines. */
import { expect, test } from 'vitest';
import { inOneLine, refuseWithout } from '../../../src/cli/usage.ts';

test.each([
  ["error: unknown option '--thread'\n(Did you mean --threads?)", "unknown option '--thread'; did you mean --threads?"],
  ["error: unknown option '--qurey'\n(Did you mean --query?)", "unknown option '--qurey'; did you mean --query?"],
  ["error: unknown command 'indx'\n(Did you mean index?)", "unknown command 'indx'; did you mean index?"],
  ["error: unknown option '--keep'\n(Did you mean --help?)", "unknown option '--keep'"],
  ["error: unknown option '--gc'\n(Did you mean one of --no-gc, --xy?)", "unknown option '--gc'"],
  [
    "error: unknown option '--trac'\n(Did you mean one of --trace, --track?)",
    "unknown option '--trac'; did you mean --trace or --track?",
  ],
  ["error: missing required argument 'path'", "missing required argument 'path'"],
])('%j', (text, said) => {
  expect(inOneLine(`${text}\n`, 'index')).toBe(`spanheap: ${said}\n`);
});

test('an option that explore does not know may be one of its program', () => {
  const hint = "(the program's own options go after --)";
  const said = inOneLine("error: unknown option '--prot'\n(Did you mean --port?)\n", 'explore');
  expect(said).toBe(`spanheap: unknown option '--prot'; did you mean --port? ${hint}\n`);
  expect(inOneLine("error: missing required argument 'x'\n", 'explore')).toBe(
    "spanheap: missing required argument 'x'\n",
  );
});

test('options that mean nothing without another', () => {
  refuseWithout('--explore', { '--port': undefined });
  expect(() => refuseWithout('--explore', { '--host': undefined, '--port': 0 })).toThrow('--port needs --explore');
});
