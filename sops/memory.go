package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// watchMemory ends the process when heap and stacks are larger than limit bytes. It looks only while there is work.
func watchMemory(server *server, limit uint64) {
	debug.SetMemoryLimit(int64(limit / 10 * 8))
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	for range server.woken {
		for idle := time.Duration(0); idle < memoryReturnAfter; idle += memorySampleEvery {
			time.Sleep(memorySampleEvery)
			if server.busy() {
				idle = 0
			}
			metrics.Read(sample)
			if sample[0].Value.Uint64()+sample[1].Value.Uint64() > limit {
				server.failAll(faultf(codeMemory, "decrypting used more memory than the limit of %d bytes", limit))
				server.outMu.Lock() // no frame is cut in two
				os.Exit(exitMemory)
			}
		}
		debug.FreeOSMemory()
	}
}
