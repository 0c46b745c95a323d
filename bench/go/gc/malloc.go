package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
	"unsafe"
)

const batchObjects = 1000

// The first byte of runtime.writeBarrier, which says whether the collector marks; the next three are padding.
//
//go:linkname writeBarrier runtime.writeBarrier
var writeBarrier uint32

var sink unsafe.Pointer

// Half of a scan object's words are pointers.
type pair struct {
	p *byte
	v int64
}

var loops = map[string]func(){
	"16 noscan": func() {
		for i := 0; i < batchObjects; i++ {
			sink = unsafe.Pointer(new([2]int64))
		}
	},
	"64 noscan": func() {
		for i := 0; i < batchObjects; i++ {
			sink = unsafe.Pointer(new([8]int64))
		}
	},
	"16 scan": func() {
		for i := 0; i < batchObjects; i++ {
			sink = unsafe.Pointer(new(pair))
		}
	},
	"64 scan": func() {
		for i := 0; i < batchObjects; i++ {
			sink = unsafe.Pointer(new([4]pair))
		}
	},
}

// mallocWhileMarking: batches while the collector marks a large heap, and batches while it does not. First with cycles
// that another goroutine asks for, then with cycles that come of the allocation, and its assists.
func mallocWhileMarking() result {
	kind := "noscan"
	if *scan {
		kind = "scan"
	}
	loop := loops[fmt.Sprint(*size, " ", kind)]
	few := buildLive(*nodes, 1)
	runtime.GC()

	old := debug.SetGCPercent(-1)
	var over atomic.Bool
	done := make(chan bool)
	go func() {
		for !over.Load() {
			runtime.GC()
			time.Sleep(50 * time.Millisecond)
		}
		close(done)
	}()
	marking, off := measureBoth(loop)
	over.Store(true)
	<-done
	debug.SetGCPercent(old)
	pacedMarking, pacedOff := measureBoth(loop)
	runtime.KeepAlive(few)
	return result{
		"marking": median(marking), "off": median(off),
		"pacedMarking": mean(pacedMarking), "pacedOff": mean(pacedOff),
		"batches": len(marking), "pacedBatches": len(pacedMarking),
	}
}

// measureBoth gives the nanoseconds of a call, batch by batch.
func measureBoth(loop func()) (marking, off []float64) {
	deadline := time.Now().Add(time.Duration(*ms) * time.Millisecond)
	for time.Now().Before(deadline) {
		before := writeBarrier
		start := time.Now()
		loop()
		took := float64(time.Since(start).Nanoseconds()) / batchObjects
		if before != writeBarrier {
			continue
		}
		if before != 0 {
			marking = append(marking, took)
		} else {
			off = append(off, took)
		}
	}
	return marking, off
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
