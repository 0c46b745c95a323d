/*
 * Safepoints: regions, stopping the world, the ragged barrier, a thread that dies, and those that wait for its lock.
 *
 * Models    sync/proc.ts: acquire, release, poll (#pollSlow, #joinRagged), lockWorld, lock (#lockSlow, parkFor, #goOn);
 *           sync/park.ts; threads/stop-the-world.ts: withWorldStopped (stopAll, stopOne, startAll, awaitReaper,
 *           releaseLocksOf); threads/ragged.ts: raggedBarrier, pass; threads/reap.ts: markDead, reap.
 * Abstract  The world lock is one atomic step, and its waiters are woken. Leaf locks are there with LEAF only: otherwise
 *           whoever waits for one is inside its region. Sleeping has no time limit, so that a wake-up that nobody sends shows
 *           as a deadlock; SPURIOUS returns may come for no reason. Three sleeps which the code ends by time, that of a ragged
 *           barrier (1 ms), that of a coordinator that waits for the reaper (5 ms) and that for a leaf lock (20 ms), may
 *           return at any time. All accesses are sequentially consistent, as the Atomics of the code are.
 * Proved    Nobody is inside a region while the world is stopped by another, nothing is half changed then, and no two
 *           coordinators hold the world; a thread's part in the ragged barrier is done, by itself inside its region or
 *           by the coordinator while it is outside, and never by both at the same time; every stop completes (no
 *           deadlock, all threads reach their ends). With LIVE, under weak fairness: a stop completes against a thread
 *           that polls for ever.
 *
 * Thread 0 works in regions, 1 stops the world from inside a region, 2 runs a ragged barrier, 3 reaps. With DIE thread 0 may
 * die at any step. With LEAF it may die with a leaf lock, which 2 takes as well, and 3 stops the world once more as soon as it
 * has reaped it, as for another thread that died.
 *
 * Broken    RELEASE_BLIND   release does not look at H_STOP after its change of status
 *           LOOK_FIRST      release looks at H_STOP before its change of status
 *           STOP_LATE       the coordinator stores H_STOP when it has looked at all statuses
 *           TAKE_DEAD       (DIE) a coordinator takes a dead thread for a stopped one
 *           TAKE_BLOCKED    (LEAF) a reaper takes a BLOCKED thread for a stopped one, without making it HALTED
 *           FORGET_HALTED   (LEAF) who starts the world does not see to HALTED threads
 *           UNHELD          the coordinator does an IDLE thread's part in the ragged barrier without stopping it first
 *           REENTER         (LIVE) thread 0 leaves and enters for ever without a poll: a limit of the code, not proved
 *           ONCE            the ragged barrier does each part exactly once: not so, but twice does no harm
 *           POLL_RETURNS    (LIVE) poll leaves the region, but does not wait for H_STOP to fall
 */
#ifdef LIVE
#define N 2
#else
#define N 4
#endif
#define FREE 0
#define IDLE 1
#define RUNNING 2
#define STOPPED 3
#define DEAD 4
#define BLOCKED 5
#define HALTED 6
#define RAGGED 16

byte status[N] = IDLE;
/* H_STOP: the coordinator's number + 1, or RAGGED. */
byte stop;
/* The world lock: owner + 1. */
byte world;
/* A leaf lock: owner + 1. */
byte leaf;
bool joined[N];
byte runs[N];
/* The word a thread sleeps on: a thread's number + 1 for its status, HSTOP for H_STOP. */
#define HSTOP 9
byte asleep[N];
#ifndef SPURIOUS
#define SPURIOUS 1
#endif
byte spurious = SPURIOUS;

bool gone;
/* What an observer sees: who is inside, who has stopped all, who is doing a thread's part of the ragged barrier. */
bool inside[N];
byte stoppedBy;
byte flushing[N];
/* Thread 0 is in the middle of a change. */
bool halfChanged;
bool stopDone;

inline wake(word) {
  d_step {
    i = 0;
    do :: i < N -> if :: asleep[i] == word -> asleep[i] = 0 :: else fi; i++ :: else -> break od;
    i = 0
  }
}

/* parkWhile: the look at the word and falling asleep are one step. */
inline park(me, word, condition) {
  atomic { if :: condition -> asleep[me] = word :: else fi };
  if
  :: asleep[me] == 0
  :: atomic { asleep[me] != 0 && spurious > 0 -> spurious--; asleep[me] = 0 }
  fi
}

inline acquire(me) {
  do
  :: atomic { status[me] == IDLE -> status[me] = RUNNING; inside[me] = true }; break
  :: status[me] == STOPPED -> park(me, me + 1, status[me] == STOPPED)
  od;
  assert(stoppedBy == 0)
}

/* Inlined into every thread: each has a label `died`, but only thread 0 goes there. */
#ifdef DIE
#define mayDie(me) if :: me == 0 -> goto died :: true fi
#else
#define mayDie(me) skip
#endif

inline release(me) {
#ifdef LOOK_FIRST
  seen = stop;
  atomic { assert(status[me] == RUNNING); inside[me] = false; status[me] = IDLE };
#else
  atomic { assert(status[me] == RUNNING); inside[me] = false; status[me] = IDLE };
  mayDie(me);
  seen = stop;
#endif
#ifndef RELEASE_BLIND
  if :: seen != 0 -> wake(me + 1) :: else fi;
#endif
  seen = 0
}

/* parkFor, for the lock of `owner`, and back: its sleep may end at any time. */
inline awaitLeaf(me) {
  if
  :: owner != 0 && status[owner - 1] == DEAD ->
    atomic { assert(status[me] == RUNNING); inside[me] = false; status[me] = BLOCKED };
    if :: stop != 0 -> wake(me + 1) :: else fi;
    do
    :: atomic { status[me] == BLOCKED -> status[me] = RUNNING; inside[me] = true }; break
    :: status[me] == HALTED -> park(me, me + 1, status[me] == HALTED)
    od;
    assert(stoppedBy == 0)
  :: owner == 0 || status[owner - 1] != DEAD
  fi;
  owner = 0
}

inline lockLeaf(me) {
  do
  :: atomic { owner = leaf; if :: leaf == 0 -> leaf = me + 1 :: else fi };
    if :: owner == 0 -> break :: else -> awaitLeaf(me) fi
  od
}

/* This thread's part in the ragged barrier, by `by`. Two steps: nobody else may be at it. */
inline part(who) {
  atomic { assert(flushing[who] == 0); flushing[who] = 1 };
  atomic {
    flushing[who] = 0;
    if :: runs[who] < 2 -> runs[who]++ :: else fi;
#ifdef ONCE
    assert(runs[who] == 1)
#endif
  }
}

inline poll(me) {
  seen = stop;
  if
  :: seen == RAGGED ->
    if :: !joined[me] -> part(me); joined[me] = true :: else fi
  :: seen != 0 && seen != RAGGED ->
    release(me);
#ifndef POLL_RETURNS
    do
    :: stop != 0 && stop != RAGGED -> park(me, HSTOP, stop != 0 && stop != RAGGED)
    :: stop == 0 || stop == RAGGED -> break
    od;
#endif
    acquire(me)
  :: seen == 0
  fi;
  seen = 0
}

/* From inside a region. */
inline lockWorld(me) {
  release(me);
  atomic { world == 0 -> world = me + 1 };
  atomic { if :: status[me] == STOPPED -> status[me] = IDLE :: else fi };
  acquire(me)
}

/* stopAll. `ok`: all are stopped; false: somebody has died. */
inline stopAll(me, reaping) {
  ok = true;
#ifndef STOP_LATE
  stop = me + 1;
#endif
  p = 0;
  do
  :: p < N && p == me -> p++
  :: p < N && p != me ->
    atomic { got = status[p]; if :: got == IDLE -> status[p] = STOPPED :: else fi };
    if
    :: got == RUNNING -> park(me, p + 1, status[p] == RUNNING)
#ifdef TAKE_DEAD
    :: got != RUNNING -> p++
#else
    :: (got == DEAD || got == BLOCKED || got == HALTED) && !reaping -> ok = false; break
    :: got == BLOCKED && reaping ->
#ifdef TAKE_BLOCKED
      p++
#else
      atomic { if :: status[p] == BLOCKED -> status[p] = HALTED; p++ :: else fi }
#endif
    :: got != RUNNING && got != BLOCKED && ((got != DEAD && got != HALTED) || reaping) -> p++
#endif
    fi
  :: p == N -> break
  od;
#ifdef STOP_LATE
  stop = me + 1;
#endif
  p = 0; got = 0
}

inline startAll(me) {
  atomic { stop = 0; wake(HSTOP) };
  do
  :: p < N ->
    atomic { if :: status[p] == STOPPED -> status[p] = IDLE; wake(p + 1) :: else fi };
#ifdef FORGET_HALTED
    p++
#else
    atomic { if :: status[p] == HALTED -> status[p] = BLOCKED; wake(p + 1) :: else fi; p++ }
#endif
  :: p == N -> break
  od;
  p = 0
}

/* What a coordinator does in a stop: it looks at everything. */
inline lookAround(me, reaping) {
  atomic {
    assert(stoppedBy == 0);
    stoppedBy = me + 1;
    p = 0;
    do :: p < N -> assert(p == me || !inside[p]); p++ :: p == N -> break od;
    p = 0;
    assert(!halfChanged || reaping)
  };
  stoppedBy = 0
}

inline stopTheWorld(me) {
  do
  :: lockWorld(me);
    stopAll(me, false);
    if :: ok -> lookAround(me, false) :: else fi;
    startAll(me);
    world = 0;
    if :: ok -> break :: else -> skip fi
    /* awaitReaper: for a while. */
  od;
  stopDone = true
}

inline raggedBarrier(me) {
  lockWorld(me);
  atomic { p = 0; do :: p < N -> joined[p] = false; runs[p] = 0; p++ :: p == N -> break od; p = 0 };
  part(me); joined[me] = true;
  stop = RAGGED;
  ok = true;
  do
  :: p < N && p == me -> p++
  :: p < N && p != me ->
    if
    :: joined[p] -> p++
    :: !joined[p] ->
#ifdef UNHELD
      got = status[p];
      if
      :: got == IDLE -> part(p); joined[p] = true; p++
#else
      atomic { got = status[p]; if :: got == IDLE -> status[p] = STOPPED :: else fi };
      if
      :: got == IDLE ->
        part(p);
        joined[p] = true;
        atomic { if :: status[p] == STOPPED -> status[p] = IDLE; wake(p + 1) :: else fi };
        p++
#endif
      /* Asleep on the thread's number of barriers, for a millisecond. */
      :: got == RUNNING -> skip
      :: got == DEAD -> ok = false; break
      :: got != IDLE && got != RUNNING && got != DEAD -> p++
      fi
    fi
  :: p == N -> break
  od;
  atomic {
    p = 0;
    if
    :: ok ->
      do
      :: p < N -> assert(runs[p] >= 1 || status[p] == FREE || status[p] == DEAD || (p == 0 && gone)); p++
      :: p == N -> break
      od
    :: else
    fi;
    p = 0; got = 0
  };
  stop = 0;
  world = 0
}

proctype Mutator() {
  byte seen, i, round, owner;
#ifdef LIVE
  acquire(0);
  do
#ifdef REENTER
  :: release(0); acquire(0)
#else
  :: poll(0)
#endif
  od;
#else
  do
  :: round < 2 ->
    acquire(0);
#ifdef LEAF
    lockLeaf(0);
#endif
    halfChanged = true;
    mayDie(0);
    halfChanged = false;
#ifdef LEAF
    leaf = 0;
#endif
    poll(0);
    release(0);
    round++
  :: else -> goto out
  od;
#endif
died:
  skip;
  d_step { gone = true; inside[0] = false };
out:
  seen = 0; round = 0
}

proctype Stopper(byte me) {
  byte seen, i, p, got;
  bool ok;
  acquire(me);
  stopTheWorld(me);
  release(me);
died:
  skip
}

proctype Coordinator(byte me) {
  byte seen, i, p, got;
  bool ok;
  acquire(me);
  raggedBarrier(me);
  release(me);
died:
  skip
}

proctype Waiter(byte me) {
  byte seen, i, owner;
  acquire(me);
  lockLeaf(me);
  assert(!halfChanged && stoppedBy == 0);
  leaf = 0;
  poll(me);
  release(me);
died:
  skip
}

proctype Reaper(byte me) {
  byte seen, i, p, got;
  bool ok;
end:
  gone;
  do
  :: status[0] != DEAD ->
    atomic { got = status[0] };
    atomic { if :: status[0] == got -> status[0] = DEAD; break :: else fi }
  od;
  wake(1);
  acquire(me);
  lockWorld(me);
  stopAll(me, true);
  lookAround(me, true);
  atomic { assert(status[0] == DEAD); halfChanged = false };
#ifdef LEAF
  atomic { if :: leaf == 1 -> leaf = 0 :: else fi };
#endif
  status[0] = FREE;
  startAll(me);
  world = 0;
#ifdef LEAF
  lockWorld(me);
  stopAll(me, true);
  lookAround(me, true);
  startAll(me);
  world = 0;
#endif
  release(me);
died:
  skip
}

init {
  atomic {
    run Mutator();
    run Stopper(1);
#ifndef LIVE
#ifdef LEAF
    run Waiter(2);
#else
    run Coordinator(2);
#endif
    run Reaper(3)
#endif
  }
}

#ifdef LIVE
ltl completes { <> stopDone }
#endif
