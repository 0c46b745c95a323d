package main

import (
	"runtime"
	"time"
)

// binary-trees of the Computer Language Benchmarks Game, on one goroutine.

const minDepth = 4

type tree struct{ left, right *tree }

func bottomUp(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{bottomUp(depth - 1), bottomUp(depth - 1)}
}

func (t *tree) check() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.check() + t.right.check()
}

func binaryTrees(depth int) int {
	sum := bottomUp(depth + 1).check()
	longLived := bottomUp(depth)
	for d := minDepth; d <= depth; d += 2 {
		iterations := 1 << (depth - d + minDepth)
		for i := 0; i < iterations; i++ {
			sum += bottomUp(d).check()
		}
	}
	return sum + longLived.check()
}

func trees() result {
	sum := 0
	for i := 0; i < *warm; i++ {
		sum = binaryTrees(minDepth + 4)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	sum = binaryTrees(*depth)
	took := millis(time.Since(start))
	runtime.ReadMemStats(&after)
	return result{
		"ms": took, "checked": sum, "collections": after.NumGC - before.NumGC, "peakMB": float64(after.HeapSys) / 1e6,
	}
}
