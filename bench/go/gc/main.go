// The cases of the collector's benchmark in Go, on two processors. Prints one JSON object.
//
//	gc -case mark -nodes 2000000 -shape random -warm 3 -cycles 12
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"time"
)

const processors = 2

type result map[string]any

var cases = map[string]func() result{
	"mark": mark, "trees": trees, "pauses": pauses, "pacing": pacing, "malloc": mallocWhileMarking,
}

var (
	name    = flag.String("case", "", "mark, trees, pauses, pacing or malloc")
	nodes   = flag.Int("nodes", 2_000_000, "mark, pauses, malloc: nodes of the graph")
	shape   = flag.String("shape", "random", "mark: random or in order")
	warm    = flag.Int("warm", 3, "mark: collections before the measured ones; trees: runs")
	cycles  = flag.Int("cycles", 12, "mark, pauses: collections to measure")
	depth   = flag.Int("depth", 16, "trees")
	percent = flag.Int("percent", 100, "pauses, pacing: GOGC")
	slots   = flag.Int("slots", 1<<16, "pauses: nodes whose link the mutator replaces")
	sizes   = flag.String("live", "64", "pacing: live set in MiB, phase by phase")
	turns   = flag.Int("turns", 8, "pacing: how often each live set is allocated anew")
	limit   = flag.Int64("limit", 0, "pacing: GOMEMLIMIT in MiB, 0 for none")
	size    = flag.Int("size", 16, "malloc: bytes of an object")
	scan    = flag.Bool("scan", false, "malloc: objects with pointers")
	ms      = flag.Int("ms", 1500, "malloc: milliseconds to measure")
)

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(processors)
	run := cases[*name]
	if run == nil {
		fmt.Fprintln(os.Stderr, "no such case")
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(run())
}

// random is Marsaglia's xorshift32, as a fraction of 1: what the cases in TypeScript use.
func random(seed int32) func() float64 {
	x := uint32(seed)
	return func() float64 {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		return float64(x) / (1 << 32)
	}
}

func permutation(n int, seed int32) []int32 {
	next := random(seed)
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		j := int(next() * float64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// median sorts its argument.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sort.Float64s(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
