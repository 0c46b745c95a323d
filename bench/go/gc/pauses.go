package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// large has the size of the nodes in bench/gc/live.ts: 104 bytes, in slots of 112.
type large struct {
	a, b, link *large
	rest       [10]int64
}

var liveRoot *large

const perOperation = 8

// buildLive links n nodes to a binary tree in the order of their allocation, and returns the first few.
func buildLive(n, few int) []*large {
	all := make([]*large, n)
	for i := range all {
		all[i] = new(large)
	}
	for i, node := range all {
		if 2*i+1 < n {
			node.a = all[2*i+1]
		}
		if 2*i+2 < n {
			node.b = all[2*i+2]
		}
	}
	liveRoot = all[0]
	return append([]*large(nil), all[:few]...)
}

// pauses: how long one operation of a mutator takes at most, cycle by cycle, and what the runtime says.
func pauses() result {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	m := mutator{few: buildLive(*nodes, *slots)}
	quietTime := func(elapsed time.Duration) bool { return elapsed > time.Second/2 }
	m.run(quietTime)
	runtime.GC()
	quiet, _ := m.run(quietTime)

	var stats runtime.MemStats
	debug.SetGCPercent(*percent)
	m.cycle()
	runtime.ReadMemStats(&stats)
	started := stats.NumGC
	var own, clock, stops []float64
	for len(own) < *cycles {
		a, b := m.cycle()
		own, clock = append(own, a), append(clock, b)
	}
	runtime.ReadMemStats(&stats)
	for gc := started; gc < stats.NumGC; gc++ {
		stops = append(stops, float64(stats.PauseNs[gc%uint32(len(stats.PauseNs))])/1e6)
	}
	gap, stop := median(own), median(stops) // sorts them
	return result{
		"stopMs": stop, "worstStopMs": stops[len(stops)-1],
		"gapMs": gap, "worstGapMs": own[len(own)-1], "clockGapMs": median(clock),
		"quietGapMs": quiet, "cycles": len(own),
	}
}

// sentinel closes done once the collection has found that nothing refers to an object made now.
func sentinel(done chan bool) {
	object := new([2]int)
	runtime.SetFinalizer(object, func(*[2]int) { close(done) })
}

type mutator struct {
	few  []*large
	next int
}

// cycle runs until a collection has come to its end.
func (m *mutator) cycle() (own, clock float64) {
	done := make(chan bool)
	sentinel(done)
	return m.run(func(time.Duration) bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// Shorter gaps are taken as they are.
const lookAfter = 300 * time.Microsecond

// run allocates and links until `over` says so. The longest operation in milliseconds, without the time that the thread
// waited for a processor, and by the clock.
func (m *mutator) run(over func(elapsed time.Duration) bool) (own, clock float64) {
	waited := runQueue()
	start := time.Now()
	last := start
	for {
		for k := 0; k < perOperation; k++ {
			m.few[m.next].link = new(large)
			m.next = (m.next + 7) % len(m.few)
		}
		now := time.Now()
		gap := now.Sub(last)
		clock = max(clock, millis(gap))
		if gap > lookAfter {
			before := waited
			waited = runQueue()
			own = max(own, millis(gap-(waited-before)))
			now = time.Now()
		} else {
			own = max(own, millis(gap))
		}
		last = now
		if over(now.Sub(start)) {
			return own, clock
		}
	}
}

func max(a, b float64) float64 {
	if a > b {
		return a
	}
	return b
}

// runQueue is how long this thread has waited for a processor so far, where Linux counts it.
func runQueue() time.Duration {
	text, err := os.ReadFile("/proc/thread-self/schedstat")
	if err != nil {
		return 0
	}
	ns, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return time.Duration(ns)
}
