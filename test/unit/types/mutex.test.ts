/** `mutex`: one thread at a time, one that is gone is noticed, and nothing copies a lock. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  ArgumentError,
  array,
  attachHeap,
  createHeap,
  f64,
  type Heap,
  type Mutex,
  map,
  mutex,
  ref,
  StaleRefError,
  slice,
  string,
  struct,
  u8,
} from '../../../src/index.ts';
import { Guarded, type MutexWorkerInput } from '../../support/mutex-worker.ts';
import { collectMeanwhile, messageOf, until, untilOthersRest } from '../../support/workers.ts';

const Account = struct('Account', { owner: u8, lock: mutex, balance: f64, name: string });

let heap: Heap;

beforeEach(() => {
  heap = createHeap({ maxBytes: 2 ** 24 });
});

afterEach(() => {
  heap.verify();
});

const refused = (text: string) =>
  expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(text) });
const wrongType = (text: string) =>
  expect.objectContaining({ name: 'TypeError', code: 'ERR_WRONG_TYPE', message: expect.stringContaining(text) });

describe('on one thread', () => {
  test('it is taken and given up, in a scope and outside', () => {
    const account = heap.new(Account, { owner: 1, balance: 5 });
    const use = (): void => {
      const { lock } = account;
      expect(lock.holder).toBe(0);
      expect(lock.lock()).toBe('ok');
      expect(lock.holder).toBe(heap.threadId);
      lock.unlock();
      expect(lock.tryLock()).toBe(true);
      lock.unlock();
      expect(lock.lock(0)).toBe('ok');
      lock.unlock();
      expect(lock.holder).toBe(0);
    };
    use();
    heap.scope(use);
    // Its neighbours are as they were.
    expect([account.owner, account.balance]).toEqual([1, 5]);
    expect(heap.inspect(account)).toMatchObject({ type: 'Account', size: 24 });
  });

  test('withLock gives what the function does, and the lock up, whatever happens', () => {
    const { lock } = heap.new(Account);
    for (const run of [<T>(fn: () => T) => fn(), <T>(fn: () => T) => heap.scope(fn)]) {
      run(() => {
        expect(lock.withLock((state) => [state, lock.holder])).toEqual(['ok', heap.threadId]);
        expect(lock.holder).toBe(0);
        expect(() =>
          lock.withLock(() => {
            throw new Error('inside');
          }),
        ).toThrow('inside');
        expect(lock.holder).toBe(0);
        expect(() => lock.withLock((async () => 1) as never)).toThrow(
          refused('withLock: the function returned a promise'),
        );
        expect(lock.holder).toBe(0);
        // Given up inside by hand.
        expect(lock.withLock(() => lock.unlock())).toBeUndefined();
        expect(lock.holder).toBe(0);
        expect(() => lock.withLock(5 as never)).toThrow(wrongType('withLock: expected a function'));
      });
    }
  });

  test.each(['outside of scopes', 'in a scope'])(
    'what is locked stays until it is unlocked, even if its reference is given up meanwhile, %s',
    (where) => {
      const account = heap.new(Account);
      const { lock } = account;
      account.dispose();
      const address = heap.addressOf(lock);
      const use = (): void =>
        lock.withLock(() => {
          lock.dispose();
          heap.gc();
          expect(heap.inspect(address)).toMatchObject({ type: 'Account' });
          const others = Array.from({ length: 100 }, () => heap.addressOf(heap.new(Account).lock));
          expect(others).not.toContain(address);
        });
      if (where === 'in a scope') heap.scope(use);
      else use();
      expect(() => lock.lock()).toThrow(StaleRefError);
    },
  );

  test('one that waits for itself, and one that has not locked, are errors that change nothing', () => {
    const { lock } = heap.new(Account);
    expect(() => lock.unlock()).toThrow(refused('unlock by a thread that has not locked it'));
    lock.lock();
    expect(() => lock.lock()).toThrow(refused('would wait for itself'));
    expect(() => lock.tryLock()).toThrow(ArgumentError);
    expect(() => lock.withLock(() => {})).toThrow(ArgumentError);
    expect(lock.holder).toBe(heap.threadId);
    lock.unlock();
    for (const ms of [Number.NaN, '1', null]) expect(() => lock.lock(ms as never)).toThrow(wrongType('milliseconds'));
    expect(lock.holder).toBe(0);
    const stale = heap.scope(() => ({ lock: heap.new(Account).lock })).lock;
    for (const use of [() => stale.lock(), () => stale.unlock(), () => stale.tryLock(), () => stale.holder])
      expect(use).toThrow(StaleRefError);
    expect(() => stale.withLock(() => {})).toThrow(StaleRefError);
  });

  test('in a heap of one thread it works the same', () => {
    const { lock } = createHeap({ maxBytes: 2 ** 20, shared: false }).new(Account);
    expect(lock.withLock(() => lock.holder)).toBe(1);
    lock.lock();
    expect(() => lock.lock(10)).toThrow(ArgumentError);
  });
});

describe('nothing copies a lock, or overwrites one', () => {
  const Pair = struct('Pair', { account: Account, locks: array(mutex, 2), accounts: array(Account, 2) });

  test('in new objects literals give what is beside it', () => {
    const pair = heap.new(Pair, { account: { balance: 3 }, accounts: [{ balance: 1 }, { owner: 2 }] });
    expect([pair.account.balance, pair.accounts.at(0).balance, pair.accounts.at(1).owner]).toEqual([3, 1, 2]);
    pair.accounts.at(1).lock.lock();
    expect(Array.from({ length: 2 }, (_, i) => pair.accounts.at(i).lock.holder)).toEqual([0, heap.threadId]);
    expect(heap.new(array(mutex, 3)).at(2).tryLock()).toBe(true);
  });

  test('assigning, copying and filling are refused', () => {
    const pair = heap.new(Pair);
    const account = heap.new(Account, { balance: 7 });
    account.lock.lock();
    pair.account.lock.lock();
    const assign = pair as unknown as Record<string, unknown>;
    const actions: (() => unknown)[] = [
      () => (assign['account'] = account),
      () => (assign['account'] = { balance: 1 }),
      () => (assign['locks'] = pair.locks),
      () => (assign['accounts'] = [{ balance: 1 }]),
      () => ((account as unknown as Record<string, unknown>)['lock'] = account.lock),
      () => ((account as unknown as Record<string, unknown>)['lock'] = true),
      () => heap.new(Account, { lock: account.lock } as never),
      () => heap.new(Account, account),
      () => heap.new(Pair, { account }),
      () => heap.new(Pair, { locks: [false, true] } as never),
      () => heap.new(Pair, { locks: pair.locks }),
      () => heap.new(Pair, { accounts: pair.accounts }),
      () => pair.accounts.set(0, account),
      () => pair.accounts.set(0, { balance: 1 }),
      () => pair.accounts.fill({ balance: 1 }),
      () => pair.accounts.fill(account),
      () => pair.accounts.copyFrom(pair.accounts),
      () => pair.accounts.copyFrom([{ balance: 1 }]),
      () => pair.locks.copyFrom(pair.locks),
      () => pair.locks.set(0, pair.locks.at(1) as never),
      () => pair.locks.fill(pair.locks.at(1) as never),
    ];
    for (const [i, action] of actions.entries()) expect(action, String(i)).toThrow(wrongType('mutex'));
    expect([pair.account.balance, pair.account.lock.holder, account.lock.holder]).toEqual([
      0,
      heap.threadId,
      heap.threadId,
    ]);
  });

  test('what moves or copies its values cannot have one', () => {
    expect(() => slice(mutex)).toThrow(refused('array(mutex, n)'));
    expect(() => map(string, mutex as never)).toThrow(refused('ref(…)'));
    expect(() => heap.new(slice(Account))).toThrow(refused('slice(Account): its elements move when it grows'));
    expect(() => heap.new(map(string, Account)).get('a')).toThrow(refused('its values are copied in and out'));
    expect(() => heap.new(map(string, array(Account, 1)), [['a', []]])).toThrow(refused('has a mutex'));
    const Wrong = struct('Holder', { list: ref(slice(array(Account, 2))), byName: map(string, Account) });
    expect(() => heap.new(Wrong)).toThrow(refused('slice(array(Account, 2)): its elements move'));
    // The heap does not know it: one that is right can have the name.
    expect(heap.new(struct('Holder', { list: slice(ref(Account)) })).list.length).toBe(0);
    expect(() => heap.new(struct('Named', { byName: map(string, Account) }))).toThrow(refused('copied in and out'));
    expect(() => heap.new(Pair).accounts.slice()).toThrow(refused('use ref(Account)'));
    expect(() => heap.new(mutex as never)).toThrow(refused('mutex is no struct'));
    expect(() => ref(mutex as never)).toThrow(ArgumentError);
    expect(() => struct('mutex', {})).toThrow(refused('built in'));
    // By reference they can be anywhere.
    const accounts = heap.new(slice(ref(Account)), [heap.new(Account, { balance: 2 })]);
    expect(accounts.at(0)?.lock.withLock(() => accounts.at(0)?.balance)).toBe(2);
  });
});

test('who has it is shown, and is no part of JSON', () => {
  const account = heap.new(Account, { balance: 2 });
  expect(inspect(account)).toContain('lock: mutex (unlocked)');
  account.lock.lock();
  expect(inspect(account)).toContain(`lock: mutex (locked by thread ${heap.threadId})`);
  expect(inspect(account.lock)).toMatch(/^mutex @0x[0-9a-f]+ \(locked by thread \d+\)$/);
  expect(heap.inspect(account).value).toEqual({ owner: 0, lock: heap.threadId, balance: 2, name: '' });
  expect(JSON.stringify(account)).toBe('{"owner":0,"balance":2,"name":""}');
  expect(heap.new(Account, JSON.parse(JSON.stringify(account)) as object).balance).toBe(2);
  // In a thread that has not declared it.
  const other = attachHeap(heap.share());
  expect(other.types().find(({ name }) => name === 'Account')?.fields).toContainEqual(
    expect.objectContaining({ name: 'lock', type: 'mutex', offset: 4 }),
  );
  expect(other.inspect(heap.addressOf(account)).value).toMatchObject({ lock: heap.threadId });
  other.detach();
});

function start(role: MutexWorkerInput['role'], rounds = 0): Worker {
  const workerData: MutexWorkerInput = { shared: heap.share(), role, rounds };
  const worker = new Worker(`${inject('workerDir')}/mutex-worker.mjs`, { workerData });
  heap.watch(worker);
  return worker;
}

describe('between threads', () => {
  test('each sees what the one before has done, whole, while another collects', async () => {
    const guarded = heap.new(Guarded, { text: '0' });
    heap.roots.set('guarded', guarded);
    const rounds = 4000;
    const workers = [start('count', rounds), start('count', rounds), start('count', rounds)];
    const results = Promise.all(workers.map(messageOf));
    await collectMeanwhile(heap, workers);
    expect(await results).toEqual([{ torn: 0 }, { torn: 0 }, { torn: 0 }]);
    expect([guarded.first, guarded.second, guarded.text]).toEqual([3 * rounds, 3 * rounds, String(3 * rounds)]);
    expect(guarded.lock.holder).toBe(0);
  });

  test('one that another has is waited for so long and no longer', () => {
    const other = attachHeap(heap.share());
    const account = heap.new(Account);
    heap.roots.set('account', account);
    const theirs = other.roots.get('account', Account)!.lock as unknown as Mutex;
    expect(theirs.tryLock()).toBe(true);
    for (const wait of [() => account.lock.lock(0), () => account.lock.lock(30), () => account.lock.lock(-1)])
      expect(wait()).toBe('timed-out');
    const from = performance.now();
    heap.scope(() => expect(account.lock.lock(50)).toBe('timed-out'));
    expect(performance.now() - from).toBeGreaterThanOrEqual(49);
    expect(account.lock.tryLock()).toBe(false);
    expect(() => account.lock.unlock()).toThrow(refused('has not locked it'));
    expect(account.lock.holder).toBe(other.threadId);
    theirs.unlock();
    // Given up by hand, and taken by another since: that keeps it.
    account.lock.withLock(() => {
      account.lock.unlock();
      theirs.lock();
    });
    expect(account.lock.holder).toBe(other.threadId);
    theirs.unlock();
    expect(account.lock.tryLock()).toBe(true);
    account.lock.unlock();
    other.detach();
  });

  test('who detaches in the middle of withLock leaves it to the next, who is told', () => {
    const other = attachHeap(heap.share());
    const account = heap.new(Account);
    heap.roots.set('account', account);
    const { lock } = other.roots.get('account', Account)!;
    lock.withLock(() => other.detach());
    expect(account.lock.lock()).toBe('abandoned');
    account.lock.unlock();
  });

  test('of a thread that was terminated it is taken over, and the next one is told', async () => {
    const guarded = heap.new(Guarded, { text: '0' });
    heap.roots.set('guarded', guarded);
    for (const take of [
      () => guarded.lock.lock(),
      () => guarded.lock.lock(0),
      () => heap.scope(() => guarded.lock.lock(1000)),
    ]) {
      const worker = start('hold');
      expect(await messageOf(worker)).toBe('locked');
      expect(guarded.lock.lock(5)).toBe('timed-out');
      const { threadId } = worker;
      await worker.terminate();
      await until('it is reaped', () => heap.threadsOf(threadId).length === 0);
      expect(guarded.lock.holder).not.toBe(0);
      expect(take()).toBe('abandoned');
      expect([guarded.first, guarded.lock.holder]).toEqual([-1, heap.threadId]);
      guarded.first = 0;
      guarded.lock.unlock();
      // Told once.
      expect(guarded.lock.withLock((state) => state)).toBe('ok');
    }
  });

  test.skipIf(process.platform !== 'linux')(
    'a thread that waits for one that has ended finds out by itself',
    async () => {
      const guarded = heap.new(Guarded);
      heap.roots.set('guarded', guarded);
      const worker = start('exit');
      const ended = once(worker, 'exit');
      await messageOf(worker);
      // The event that the worker has ended waits for this thread.
      expect(guarded.lock.lock()).toBe('abandoned');
      guarded.lock.unlock();
      await ended;
    },
  );

  test('one that detaches with it has left it too, and somebody else may have its record by then', async () => {
    const guarded = heap.new(Guarded);
    heap.roots.set('guarded', guarded);
    const worker = start('leave');
    await once(worker, 'exit');
    const { holder } = guarded.lock;
    expect(holder).not.toBe(0);
    const next = attachHeap(heap.share());
    expect(next.threadId).toBe(holder);
    expect(() => next.roots.get('guarded', Guarded)!.lock.unlock()).toThrow(refused('has not locked it'));
    expect(guarded.lock.withLock((state) => state)).toBe('abandoned');
    next.detach();
  });

  test('a thread that waits holds nobody up, keeps what it waits for alive, and is woken', async () => {
    const guarded = heap.new(Guarded, { first: 9 });
    const { lock } = guarded;
    heap.roots.set('guarded', guarded);
    lock.lock();
    const worker = start('wait');
    const ended = once(worker, 'exit');
    expect(await messageOf(worker)).toBe('waiting');
    const result = messageOf(worker);
    await untilOthersRest(heap);
    guarded.dispose();
    for (let i = 0; i < 5; i++) heap.gc();
    heap.verify();
    lock.unlock();
    expect(await result).toEqual({ state: 'ok', first: 9, holder: true });
    await ended;
  });

  test('a thread that is terminated while it waits is reaped as any other', async () => {
    const guarded = heap.new(Guarded);
    heap.roots.set('guarded', guarded);
    guarded.lock.lock();
    const worker = start('wait');
    await messageOf(worker);
    const { threadId } = worker;
    await sleep(30);
    await worker.terminate();
    await until('it is reaped', () => heap.threadsOf(threadId).length === 0);
    guarded.lock.unlock();
    expect(guarded.lock.lock()).toBe('ok');
    guarded.lock.unlock();
  });
});
