package main

import "syscall"

// capMemory has the kernel refuse memory far above the limit: what is allocated and given back between two looks
// of watchMemory would pass it unseen. The runtime ends the process then. A kernel without the limit changes nothing.
func capMemory(limit uint64) {
	most := 4*limit + memoryHeadroom
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: most, Max: most})
}
