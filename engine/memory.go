package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// watchMemory calls over once when heap and stacks are larger than limit bytes; 0 means no limit. The garbage
// collector is told to work hard from 80 % of the limit on, so what is above the limit is in use.
//
// It looks only while the worker has work. A while after the last request it gives unused memory back to the
// system and sleeps until the next one: an idle engine costs nothing.
func watchMemory(worker *Worker, limit uint64, over func()) {
	if limit > 0 {
		debug.SetMemoryLimit(int64(limit / 10 * 8))
	}
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	for range worker.woken {
		for idle := time.Duration(0); idle < memoryReturnAfter; idle += memorySampleEvery {
			time.Sleep(memorySampleEvery)
			if worker.busy() {
				idle = 0
			}
			metrics.Read(sample)
			if limit > 0 && sample[0].Value.Uint64()+sample[1].Value.Uint64() > limit {
				over()
				return
			}
		}
		debug.FreeOSMemory()
	}
}
