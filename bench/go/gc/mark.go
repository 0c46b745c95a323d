package main

import (
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

const graphSeed = 4711

type node struct{ a, b *node }

var root *node

// edges: a binary tree over all nodes, in random order or in the order of their allocation; what a tree leaves open
// points to any node, or back. The same as bench/gc/graph.ts.
func edges(n int, shape string) (first int32, a, b []int32) {
	next := random(graphSeed + 1)
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	if shape == "random" {
		order = permutation(n, graphSeed)
	}
	a, b = make([]int32, n), make([]int32, n)
	child := func(i, k int) int32 {
		if k < n {
			return order[k]
		}
		if shape == "random" {
			return order[int(next()*float64(n))]
		}
		return order[i/2]
	}
	for i := 0; i < n; i++ {
		a[order[i]] = child(i, 2*i+1)
		b[order[i]] = child(i, 2*i+2)
	}
	return order[0], a, b
}

func checksum(first int32, a, b []int32) float64 {
	sum := uint32(first)
	for i := range a {
		sum = sum*31 + uint32(a[i])
		sum = sum*31 + uint32(b[i])
	}
	return float64(sum)
}

func mark() result {
	debug.SetGCPercent(-1)
	first, a, b := edges(*nodes, *shape)
	all := make([]*node, *nodes)
	for i := range all {
		all[i] = new(node)
	}
	for i, n := range all {
		n.a, n.b = all[a[i]], all[b[i]]
	}
	root = all[first]
	sum := checksum(first, a, b)
	all, a, b = nil, nil, nil

	for i := 0; i < *warm; i++ {
		runtime.GC()
	}
	times := make([]float64, 0, *cycles)
	before := cpuTime()
	for i := 0; i < *cycles; i++ {
		start := time.Now()
		runtime.GC()
		times = append(times, millis(time.Since(start)))
	}
	cpu := (cpuTime() - before) / float64(*cycles)
	best := times[0]
	for _, t := range times {
		if t < best {
			best = t
		}
	}
	return result{"ms": median(times), "best": best, "cpuMs": cpu, "checksum": sum}
}

// cpuTime is what the process has used so far, in milliseconds.
func cpuTime() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}
