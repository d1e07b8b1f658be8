package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// watchMemory calls over once when heap and stacks are larger than limit bytes. The garbage collector is
// told to work hard from 80 % of the limit on, so what is above the limit is in use.
func watchMemory(limit uint64, over func()) {
	debug.SetMemoryLimit(int64(limit / 10 * 8))
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	for range time.Tick(memorySampleEvery) {
		metrics.Read(sample)
		if sample[0].Value.Uint64()+sample[1].Value.Uint64() > limit {
			over()
			return
		}
	}
}
