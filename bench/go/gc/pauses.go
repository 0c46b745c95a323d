package main

import (
	"runtime"
	"runtime/debug"
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
	debug.SetGCPercent(-1)
	few := buildLive(*nodes, *slots)
	runtime.GC()
	m := mutator{few: few}
	quiet := m.run(func(elapsed time.Duration) bool { return elapsed > 2*time.Second })

	var stats runtime.MemStats
	debug.SetGCPercent(*percent)
	runtime.ReadMemStats(&stats)
	started := stats.NumGC
	longest := make([]float64, 0, *cycles)
	for len(longest) < *cycles {
		done := make(chan bool)
		sentinel(done)
		longest = append(longest, m.run(func(time.Duration) bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		}))
	}
	runtime.ReadMemStats(&stats)
	stops := make([]float64, 0, *cycles)
	for gc := started; gc < stats.NumGC && len(stops) < *cycles; gc++ {
		stops = append(stops, float64(stats.PauseNs[gc%uint32(len(stats.PauseNs))])/1e6)
	}
	middle, stop := median(longest), median(stops) // sorts them
	return result{
		"stopMs": stop, "worstStopMs": stops[len(stops)-1],
		"gapMs": middle, "worstGapMs": longest[len(longest)-1],
		"quietGapMs": quiet, "cycles": len(longest),
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

// run allocates and links until `over` says so, which is asked now and then. The longest operation in milliseconds.
func (m *mutator) run(over func(elapsed time.Duration) bool) float64 {
	start := time.Now()
	last := start
	var longest time.Duration
	for i := 1; ; i++ {
		for k := 0; k < perOperation; k++ {
			m.few[m.next].link = new(large)
			m.next = (m.next + 7) % len(m.few)
		}
		now := time.Now()
		if gap := now.Sub(last); gap > longest {
			longest = gap
		}
		last = now
		if i%256 == 0 && over(now.Sub(start)) {
			return millis(longest)
		}
	}
}
