// Checks the Promela models in test/spin: each must hold, and each variant with one thing broken must be found wrong.
// `npm run model [-- NAME ...]`: only the models with these names.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODELS = fileURLToPath(new URL('../test/spin/', import.meta.url));
const COMPILER = ['cc', 'gcc', 'clang'];

/** Feature macros, whether weak fairness and a liveness claim are checked, and the variants that must fail. */
const PLAN = {
  safepoint: [
    { macros: [], broken: ['RELEASE_BLIND', 'LOOK_FIRST', 'STOP_LATE', 'UNHELD', 'ONCE'] },
    { macros: ['DIE'], broken: ['TAKE_DEAD'] },
    { macros: ['DIE', 'LEAF'], broken: ['TAKE_BLOCKED', 'FORGET_HALTED'] },
    { macros: ['LIVE'], live: true, broken: ['POLL_RETURNS', 'REENTER'] },
  ],
  sweepgen: [
    {
      macros: [],
      broken: ['NO_TAG', 'TEST_AND_SET', 'NO_WAIT', 'NO_SWEEP_TERM', 'ONLY_G2', 'KEEP_NOTES', 'STALE_OWNER', 'EARLY'],
    },
  ],
  marktermination: [
    {
      macros: [],
      broken: ['NO_DELETION', 'ALLOC_WHITE', 'NO_STW_FLUSH', 'NO_SECOND_CHECK', 'IGNORE_MARKERS', 'HANDLE_UNSHADED'],
    },
    { macros: ['KILL', 'OPS0=1', 'OPS1=0'], broken: ['RESCAN_MARKED_ONLY'] },
    { macros: ['DIE'], broken: ['LOG_AFTER_STORE'] },
    { macros: ['FREE', 'OPS0=3', 'OPS1=0'], broken: ['FREE_REUSED'] },
  ],
};

/** Whether a program can be started. */
const has = (program, flag) => spawnSync(program, [flag], { stdio: 'ignore' }).error === undefined;

/**
 * Runs spin on one variant: what it found, null if nothing, and how much it looked at. `isLong`: worth optimising; most
 * variants fail sooner than a better compiler run would take.
 */
function check(compiler, model, macros, live, isLong) {
  const folder = mkdtempSync(join(tmpdir(), 'spanheap-model-'));
  const defines = macros.map((macro) => `-D${macro}`);
  const run = (program, args) => execFileSync(program, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
  try {
    const translated = run('spin', [...defines, '-a', join(MODELS, `${model}.pml`)]);
    if (/Error:/.test(translated)) throw new Error(translated);
    run(compiler, [isLong ? '-O1' : '-O0', '-w', '-DMEMLIM=3000', ...(live ? [] : ['-DSAFETY']), '-o', 'pan', 'pan.c']);
    const started = performance.now();
    const { stdout } = spawnSync('./pan', live ? ['-a', '-f', '-m100000'] : ['-m100000'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const seconds = (performance.now() - started) / 1000;
    const errors = /errors: (\d+)/.exec(stdout);
    const states = /(\d+) states, stored/.exec(stdout);
    // A search that was cut short proves nothing.
    if (errors === null || states === null || /search depth too small|reached -DMEMLIM|out of memory/.test(stdout)) {
      throw new Error(`${model} ${macros.join(' ')}: spin did not finish:\n${stdout}`);
    }
    const found = errors[1] === '0' ? null : (/^pan:\d+: (.*)$/m.exec(stdout)?.[1] ?? 'an error without a message');
    return { found, states: Number(states[1]), seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(names) {
  const compiler = COMPILER.find((program) => has(program, '--version'));
  if (!has('spin', '-V') || compiler === undefined) {
    const missing = [has('spin', '-V') ? [] : 'spin', compiler === undefined ? 'gcc' : []].flat().join(' and ');
    console.error(
      `npm run model needs ${missing}: apt-get install ${missing.replace(' and ', ' ')} (Debian's packages)`,
    );
    return 1;
  }
  const unknown = names.filter((name) => !(name in PLAN));
  if (unknown.length > 0) {
    console.error(`no such model: ${unknown.join(', ')}; there are ${Object.keys(PLAN).join(', ')}`);
    return 1;
  }
  let wrong = 0;
  const show = (model, variant, states, seconds, verdict) =>
    console.log([model.padEnd(16), variant.padEnd(30), states.padStart(9), seconds.padStart(8), verdict].join('  '));
  show('model', 'variant', 'states', 'seconds', 'verdict');
  for (const model of names.length > 0 ? names : Object.keys(PLAN)) {
    const source = readFileSync(join(MODELS, `${model}.pml`), 'utf8');
    for (const { macros, live, broken } of PLAN[model]) {
      for (const variant of [null, ...broken]) {
        // A name that the model does not know would change nothing.
        if (variant !== null && !new RegExp(`#ifn?def ${variant}\\b`).test(source)) throw new Error(`no ${variant}`);
        const all = variant === null ? macros : [...macros, variant];
        const { found, states, seconds } = check(compiler, model, all, live === true, variant === null);
        const isRight = (found === null) === (variant === null);
        if (!isRight) wrong++;
        const verdict = found === null ? 'holds' : `fails: ${found}`;
        show(model, all.join(' ') || '-', String(states), seconds.toFixed(2), isRight ? verdict : `WRONG: ${verdict}`);
      }
    }
  }
  console.log(wrong === 0 ? 'every model holds, and every broken variant fails' : `${wrong} verdicts are wrong`);
  return wrong === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
