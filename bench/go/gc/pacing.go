package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
)

const inner = "SPANHEAP_BENCH_PACING"

var traceLine = regexp.MustCompile(`^gc \d+ .* (\d+)->(\d+)->(\d+) MB, (\d+) MB goal`)

// pacing: the heap at the end of each cycle against its goal, as the lines of gctrace have them. They go to standard
// error, so the program runs itself.
func pacing() result {
	if os.Getenv(inner) != "" {
		paced()
		return result{}
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), inner+"=1", "GODEBUG=gctrace=1")
	var trace bytes.Buffer
	again.Stderr = &trace
	if err := again.Run(); err != nil {
		return result{"error": err.Error()}
	}
	ratios := []float64{}
	for lines := bufio.NewScanner(&trace); lines.Scan(); {
		line := lines.Text()
		found := traceLine.FindStringSubmatch(line)
		if found == nil || strings.Contains(line, "(forced)") {
			continue
		}
		peak, _ := strconv.ParseFloat(found[2], 64)
		goal, _ := strconv.ParseFloat(found[4], 64)
		if goal >= 32 { // before that the live set is only being built
			ratios = append(ratios, peak/goal)
		}
	}
	middle := median(ratios)
	return result{"peak": middle, "lowest": ratios[0], "highest": ratios[len(ratios)-1], "cycles": len(ratios)}
}

// paced replaces the objects of a live set, oldest first, for some turns; then the same with the next live set.
func paced() {
	debug.SetGCPercent(*percent)
	if *limit > 0 {
		debug.SetMemoryLimit(*limit << 20)
	}
	const objectBytes = 112
	live := []*large{}
	for _, mib := range strings.Split(*sizes, ",") {
		n, _ := strconv.Atoi(mib)
		n = n << 20 / objectBytes
		for len(live) < n {
			live = append(live, new(large))
		}
		live = append([]*large(nil), live[:n]...)
		for turn := 0; turn < *turns; turn++ {
			for i := range live {
				live[i] = new(large)
			}
		}
	}
	liveRoot = live[0]
}
