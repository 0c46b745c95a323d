// The malloc loops of the benchmark in Go, with the collector off. Prints one JSON object.
//
// fresh: every object lies in memory that was never used, so the runtime need not zero it (the kernel did).
// recycled: a batch is allocated, becomes garbage and is collected outside the timer; the next batch gets the same
// memory back, and each object is zeroed as it is allocated.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"time"
	"unsafe"
)

var sink unsafe.Pointer

// Half of a scan object's words are pointers.
type pair struct {
	p *byte
	v int64
}

var loops = map[string]func(n int){
	"4 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new(int32))
		}
	},
	"8 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new(int64))
		}
	},
	"16 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([2]int64))
		}
	},
	"64 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([8]int64))
		}
	},
	"512 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([64]int64))
		}
	},
	"4096 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([512]int64))
		}
	},
	"65536 noscan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([8192]int64))
		}
	},
	"8 scan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new(*byte))
		}
	},
	"16 scan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new(pair))
		}
	},
	"64 scan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([4]pair))
		}
	},
	"512 scan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([32]pair))
		}
	},
	"4096 scan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([256]pair))
		}
	},
	"65536 scan": func(n int) {
		for i := 0; i < n; i++ {
			sink = unsafe.Pointer(new([4096]pair))
		}
	},
}

func main() {
	size := flag.Int("size", 16, "bytes of an object")
	scan := flag.Bool("scan", false, "objects with pointers")
	recycled := flag.Bool("recycled", false, "collect each batch, outside the timer")
	batch := flag.Int("batch", 10000, "objects between two looks at the clock")
	total := flag.Int("total", 1000000, "objects, when fresh; the first quarter is warm-up")
	warm := flag.Int("warm", 100, "milliseconds of warm-up, when recycled")
	ms := flag.Int("ms", 300, "milliseconds to measure, when recycled")
	flag.Parse()
	debug.SetGCPercent(-1)

	kind := "noscan"
	if *scan {
		kind = "scan"
	}
	loop := loops[fmt.Sprint(*size, " ", kind)]
	if loop == nil {
		fmt.Fprintln(os.Stderr, "no loop for this size and kind")
		os.Exit(1)
	}
	var ops int
	var elapsed time.Duration
	var batches []float64
	timed := func() {
		start := time.Now()
		loop(*batch)
		took := time.Since(start)
		elapsed += took
		ops += *batch
		batches = append(batches, float64(took.Nanoseconds())/float64(*batch))
	}
	if *recycled {
		for deadline := millis(*warm); elapsed < deadline; runtime.GC() {
			timed()
		}
		ops, elapsed, batches = 0, 0, nil
		for deadline := millis(*ms); elapsed < deadline; runtime.GC() {
			timed()
		}
	} else {
		loop(*total / 4)
		for ops+*batch <= *total-*total/4 {
			timed()
		}
	}
	sort.Float64s(batches)
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"nsPerOp": batches[len(batches)/2],
		"best":    batches[0],
		"ops":     ops,
		"sink":    uintptr(sink) % 4096,
	})
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }
