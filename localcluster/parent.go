package main

import (
	"context"
	"os"
	"time"
)

const parentPeriod = 200 * time.Millisecond

// untilParentDies returns when the process with the id parent is no longer this one's parent, or when the context ends.
// It asks instead of having the kernel send a signal: that signal comes when the thread ends which started this process,
// and a thread of a thread pool ends long before its process.
func untilParentDies(ctx context.Context, parent int) {
	ticker := time.NewTicker(parentPeriod)
	defer ticker.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
